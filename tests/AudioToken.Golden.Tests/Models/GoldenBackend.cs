using AudioToken.Backends.Cpu;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Golden.Tests.Models;

/// <summary>The backends on which recorded stages are compared, and what the comparisons share.</summary>
internal static class GoldenBackend
{
    /// <summary>Plain float64 loops: what agrees with the golden here is a right model, whatever a backend does.</summary>
    public const string Reference = "reference";

    /// <summary>The CPU backend.</summary>
    public const string Cpu = "cpu";

    public static ITensorOps Open(string name) => name switch
    {
        Reference => new ReferenceOps(),
        Cpu => new CpuOps(),
        _ => BackendData.Open(name),
    };

    /// <summary>Each case on each backend, those of half precision among them.</summary>
    public static TheoryData<string, string> Times(params ReadOnlySpan<string> cases)
    {
        TheoryData<string, string> data = BackendData.With(cases.ToArray());
        TheoryData<string, string> turned = [];
        foreach (string name in cases)
            turned.Add(name, Reference);
        foreach ((string backend, string name) in data.Select(row => row.Data))
            turned.Add(name, backend);
        return turned;
    }

    /// <summary>Runs a stage on a backend and holds what it gives against the recording: in fp32 at the tolerance of networks, in half precision within
    /// twice the error of the plain formula (<see cref="StoredOps"/>), tensor by tensor.</summary>
    /// <param name="backend">Its name.</param>
    /// <param name="stage">Runs on the operations that it is given, and compares.</param>
    public static void Hold(string backend, Action<ITensorOps, Comparison> stage)
    {
        DType storage = BackendData.StorageOf(backend);
        using ITensorOps ops = Open(backend);
        if (storage == DType.F32)
        {
            stage(ops, TensorAssert.Network);
            return;
        }

        Dictionary<string, double> formula = [];
        using (CpuOps cpu = new())
            stage(new StoredOps(cpu, storage, sums: false), (expected, actual, what) => formula.Add(what, TensorAssert.RelativeRms(expected, actual)));
        stage(ops, (expected, actual, what) =>
        {
            double error = TensorAssert.RelativeRms(expected, actual), plain = formula[what];
            TestContext.Current.TestOutputHelper?.WriteLine($"{what}: {error:g3}, the plain formula {plain:g3}, ratio {error / plain:g3}");
            Assert.True(error <= 2 * plain, $"{what}: relative root mean square {error:g4}, twice the plain formula's {plain:g4} at most.");
        });
    }

    /// <summary>Compares a tensor of a stage with its recording, by name.</summary>
    public delegate void Comparison(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what);

    public static float[] Download(this ITensorOps ops, Tensor tensor)
    {
        float[] values = new float[tensor.Shape.Count];
        ops.Download(tensor, values);
        return values;
    }

    /// <summary>A golden's values, [B, C, ...] to [B, ..., C] where it has channels first.</summary>
    public static float[] ChannelsLast(this GoldenFile golden, string name)
    {
        Shape shape = golden.ShapeOf(name);
        return ChannelsLast(golden[name], shape);
    }

    public static float[] ChannelsLast(float[] values, Shape shape)
    {
        float[] turned = new float[values.Length];
        ChannelLayout.ToChannelsLast(values, turned, shape[1], (int)(shape.Count / shape[0] / shape[1]));
        return turned;
    }

    /// <summary>[B, C, H, W] to the shape of its channels-last form.</summary>
    public static Shape ChannelsLast(Shape shape) => [shape[0], shape[2], shape[3], shape[1]];

    /// <summary>A golden feature map on the device.</summary>
    public static Tensor UploadMap(this ITensorOps ops, float[] values, Shape shape) => ops.Upload(ChannelsLast(values, shape), ChannelsLast(shape));

    public static float[] Apply(this float[] values, Activation activation) =>
        [.. values.Select(value => (float)ReferenceOps.Apply(activation, value))];
}
