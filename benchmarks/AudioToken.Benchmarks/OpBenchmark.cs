using System.Diagnostics;
using System.Text.Json;
using AudioToken.Backends.Cpu;
using AudioToken.Tensors;
using AudioToken.Testing;

namespace AudioToken.Benchmarks;

/// <summary>Times single operations at the shapes of Stable Diffusion 1.4 and sets them against the multiply-add peak of the same moment.</summary>
/// <remarks><c>ops [threads] [part of a name]</c>; one JSON object to standard output. The machine may be shared, so a peak loop runs before
/// and after each case, and the ratio takes the mean of the two.</remarks>
internal static class OpBenchmark
{
    private const double SecondsPerCase = 0.6;

    public static int Run(ReadOnlySpan<string> arguments)
    {
        int threads = arguments.Length > 0 ? int.Parse(arguments[0], System.Globalization.CultureInfo.InvariantCulture) : Environment.ProcessorCount;
        string filter = arguments.Length > 1 ? arguments[1] : "";
        using CpuOps ops = new(new CpuOptions { Threads = threads, Exact = arguments.Contains("exact") });
        using Utf8JsonWriter json = new(Console.OpenStandardOutput(), new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteNumber("threads", threads);
        json.WriteStartArray("cases");
        foreach (OpCase item in Cases())
        {
            if (!item.Name.Contains(filter, StringComparison.Ordinal))
                continue;
            Measure(ops, item, threads, json);
            json.Flush();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        Console.WriteLine();
        return 0;
    }

    private static IEnumerable<OpCase> Cases()
    {
        yield return Linear(8192, 320, 320);
        yield return Linear(1024, 320, 320);
        yield return Linear(1024, 640, 320);
        yield return Linear(8192, 320, 2560, geglu: true);
        yield return Linear(2048, 640, 5120, geglu: true);
        yield return Linear(2048, 2560, 640);
        yield return Linear(512, 1280, 1280);
        yield return Linear(2, 1280, 1280);
        yield return Conv(2, 64, 320, 320);
        yield return Conv(2, 32, 640, 640);
        yield return Conv(2, 16, 1280, 1280);
        yield return Conv(2, 8, 1280, 1280);
        yield return Conv(2, 64, 960, 320);
        yield return Conv(2, 32, 1280, 640);
        yield return Conv(2, 16, 2560, 1280);
        yield return Conv(1, 512, 128, 128);
        yield return Conv(2, 64, 320, 4);
        yield return Conv(1, 256, 256, 256);
        yield return GroupedConv(496, 768, 16, 128);
    }

    private static OpCase Linear(int m, int k, int n, bool geglu = false) => new(
        $"linear {m}x{k}x{n}{(geglu ? " geglu" : "")}", 2.0 * m * k * n, [m, k], [n, k], WeightRole.Linear,
        (ops, x, weight, bias) => ops.Linear(x, weight, new Epilogue(bias) { Activation = geglu ? Activation.Geglu : Activation.None }));

    private static OpCase Conv(int batch, int size, int channels, int n) => new(
        $"conv 3x3 {batch}x{size}x{size}x{channels}->{n}", 2.0 * batch * size * size * channels * 9 * n,
        [batch, size, size, channels], [n, channels, 3, 3], WeightRole.Conv2d,
        (ops, x, weight, bias) => ops.Conv2d(x, weight, new ConvGeometry(1, 1), new Epilogue(bias)));

    private static OpCase GroupedConv(int length, int channels, int groups, int taps) => new(
        $"grouped conv {length}x{channels}/{groups}, {taps} taps", 2.0 * length * channels * (channels / groups) * taps,
        [1, length, channels], [channels, channels / groups, taps], WeightRole.GroupedConv1d,
        (ops, x, weight, bias) => ops.GroupedConv1d(x, weight, groups, taps / 2, new Epilogue(bias) { Activation = Activation.Gelu }));

    private static void Measure(CpuOps ops, OpCase item, int threads, Utf8JsonWriter json)
    {
        using TensorScope all = ops.Scope();
        int columns = item.Weight[0];
        using Weight weight = ops.LoadWeight(WeightFormula.Source("bench.", "w.weight", item.Weight), item.Role);
        using Weight bias = ops.LoadWeight(WeightFormula.Source("bench.", "w.bias", [columns]), WeightRole.Vector);
        Tensor x = ops.Upload(WeightFormula.Uniform("bench.x", item.Input), item.Input);
        for (int warm = 0; warm < 2; warm++)
        {
            using TensorScope scope = ops.Scope();
            item.Run(ops, x, weight, bias);
        }

        double peak = FmaPeak.Measure(threads);
        List<double> seconds = [];
        long start = Stopwatch.GetTimestamp();
        while (seconds.Count < 3 || Stopwatch.GetElapsedTime(start).TotalSeconds < SecondsPerCase)
        {
            using TensorScope scope = ops.Scope();
            long at = Stopwatch.GetTimestamp();
            item.Run(ops, x, weight, bias);
            seconds.Add(Stopwatch.GetElapsedTime(at).TotalSeconds);
        }

        peak = (peak + FmaPeak.Measure(threads)) / 2;
        seconds.Sort();
        double median = seconds[seconds.Count / 2];
        json.WriteStartObject();
        json.WriteString("case", item.Name);
        json.WriteNumber("medianMs", Math.Round(median * 1e3, 3));
        json.WriteNumber("bestMs", Math.Round(seconds[0] * 1e3, 3));
        json.WriteNumber("gflops", Math.Round(item.Flops / median / 1e9, 1));
        json.WriteNumber("bestGflops", Math.Round(item.Flops / seconds[0] / 1e9, 1));
        json.WriteNumber("peakGflops", Math.Round(peak / 1e9, 1));
        json.WriteNumber("ofPeak", Math.Round(item.Flops / median / peak, 3));
        json.WriteNumber("bestOfPeak", Math.Round(item.Flops / seconds[0] / peak, 3));
        json.WriteEndObject();
    }

    private sealed record OpCase(
        string Name, double Flops, Shape Input, Shape Weight, WeightRole Role, Func<CpuOps, Tensor, Weight, Weight, Tensor> Run);
}
