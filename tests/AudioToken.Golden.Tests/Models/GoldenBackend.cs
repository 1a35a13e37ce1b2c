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

    /// <summary>Each case on each backend.</summary>
    public static TheoryData<string, string> Times(params ReadOnlySpan<string> cases)
    {
        TheoryData<string, string> data = [];
        foreach (string name in cases)
        {
            data.Add(name, Reference);
            foreach (string backend in BackendData.Names)
                data.Add(name, backend);
        }

        return data;
    }

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
