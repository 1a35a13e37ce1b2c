using System.Diagnostics;
using System.Text.Json;
using AudioToken.Backends.Cpu;
using AudioToken.Bench;
using AudioToken.Tensors;

namespace AudioToken.Benchmarks;

/// <summary>Times each stage beside PyTorch on the same cores: ours, theirs, ours, theirs, after a warm-up of each.</summary>
internal static class StageBenchmark
{
    private static readonly string[] s_stages = ["beats", "embedder", "text", "unet-1", "unet-2", "vae"];

    /// <summary>Parses the command's options, runs the stages and writes JSON to standard output or a file.</summary>
    public static int Run(ReadOnlySpan<string> arguments)
    {
        Options options = new(arguments, "--threads", "--repetitions", "--python");
        int threads = options.Number("--threads", Environment.ProcessorCount), repetitions = options.Number("--repetitions", 3);
        string script = Path.Combine("benchmarks", "pytorch", "stages.py");
        using TorchPeer? peer = TorchPeer.Start(script, options.Text("--python", TorchPeer.Python), threads);
        using Stream stream = options.OpenOutput();
        using Utf8JsonWriter json = new(stream, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        Machine.Write(json, threads);
        json.WriteString("peer", peer is null ? null : "PyTorch " + peer.Version);
        json.WriteNumber("repetitions", repetitions);
        json.WriteStartArray("rows");
        foreach (string name in s_stages.Where(name => options.Words.Count == 0 || options.Words.Contains(name)))
            RunStage(json, name, repetitions, threads, peer);
        json.WriteEndArray();
        json.WriteEndObject();
        return 0;
    }

    private static void RunStage(Utf8JsonWriter json, string name, int repetitions, int threads, TorchPeer? peer)
    {
        using CpuOps ops = new(new CpuOptions { Threads = threads });
        using TensorScope scope = ops.Scope();
        StageProfile profiled = new(ops);
        Stopwatch clock = Stopwatch.StartNew();
        using Stages stages = new(ops, BenchModel.Synthetic(SizedModel.StableDiffusion14));
        Stage stage = stages.Build(name);
        double loadMs = clock.Elapsed.TotalMilliseconds;

        float[] output = Once(profiled, stage, out double firstMs);
        (double _, double[] sample, double rms) = peer?.Run(name) ?? default;
        profiled.Reset();
        List<double> ours = [], theirs = [];
        for (int i = 0; i < repetitions; i++)
        {
            Once(profiled, stage, out double ms);
            ours.Add(ms);
            if (peer is not null)
                theirs.Add(peer.Run(name).Milliseconds);
        }

        double gigaFlops = profiled.Flops / repetitions / 1e9;
        peer?.Drop(name);
        json.WriteStartObject();
        json.WriteString("name", name);
        json.WriteString("dtype", "fp32");
        json.WriteNumber("median_ms", Rounded(Median(ours)));
        json.WriteNumber("min_ms", Rounded(ours.Min()));
        json.WriteNumber("max_ms", Rounded(ours.Max()));
        json.WriteNumber("gflops_per_s", Rounded(gigaFlops / Median(ours) * 1000));
        json.WriteNumber("load_ms", Rounded(loadMs));
        json.WriteNumber("first_ms", Rounded(firstMs));
        json.WriteNumber("fma_peak_gflops", Rounded(FmaPeak.Measure(threads) / 1e9));
        json.WriteNumber("peak_tensor_mb", Rounded(ops.MemoryStatistics.PeakHeldBytes / 1e6));
        json.WriteNumber("weights_mb", Rounded(ops.MemoryStatistics.WeightBytes / 1e6));
        if (peer is not null)
        {
            double oursRms = Math.Sqrt(output.Average(value => (double)value * value));
            json.WriteNumber("torch_median_ms", Rounded(Median(theirs)));
            json.WriteNumber("torch_min_ms", Rounded(theirs.Min()));
            json.WriteNumber("torch_max_ms", Rounded(theirs.Max()));
            json.WriteNumber("ratio", Math.Round(Median(theirs) / Median(ours), 3));
            // The same weights and inputs on both sides: without agreement the times would mean nothing.
            json.WriteNumber("worst_difference_of_first_values", sample.Select((value, i) => Math.Abs(value - output[i])).Max());
            json.WriteNumber("rms_difference", Math.Abs(rms - oursRms) / rms);
        }

        json.WriteStartObject("operations");
        foreach ((string operation, int calls, double seconds, double _) in profiled.Operations)
        {
            json.WriteStartObject(operation);
            json.WriteNumber("calls", calls / repetitions);
            json.WriteNumber("ms", Rounded(seconds * 1000 / repetitions));
            json.WriteNumber("share", Math.Round(seconds * 1000 / ours.Sum(), 4));
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteEndObject();
        json.Flush();
        Console.Error.WriteLine(
            $"{name,-9} ours {Median(ours),9:f1} ms ({gigaFlops / Median(ours) * 1000:f0} GFLOP/s)" +
            (peer is null ? "" : $"   PyTorch {Median(theirs),9:f1} ms   ratio {Median(theirs) / Median(ours):f2}"));
    }

    private static float[] Once(ITensorOps ops, Stage stage, out double milliseconds)
    {
        using TensorScope scope = ops.Scope();
        long start = Stopwatch.GetTimestamp();
        Tensor result = stage.Run(ops);
        milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        float[] values = new float[result.Shape.Count];
        ops.Download(result, values);
        return values;
    }

    private static double Median(List<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static double Rounded(double value) => Math.Round(value, 2);
}
