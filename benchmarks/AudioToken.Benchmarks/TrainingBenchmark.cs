using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using AudioToken.Backends.Cpu;
using AudioToken.Bench;
using AudioToken.Tensors;
using AudioToken.Training.Adapters;
using AudioToken.Training.Optimisation;

namespace AudioToken.Benchmarks;

/// <summary>Times updates of the embedder at the size of Stable Diffusion 1.4 beside PyTorch on the same cores: ours, theirs, ours, theirs.</summary>
/// <remarks><c>training [--threads N] [--repetitions N] [--batch N] [--python FILE|none] [-o FILE]</c>. An update goes forward through embedder, text encoder
/// and UNet (64 x 64 latents, 5 s of sound), back, and through AdamW. Both sides compute the insides of blocks again on the way back. Losses and gradient
/// norms of every update are compared; those of the second depend on what the first one changed. The first of each is not counted.</remarks>
internal static class TrainingBenchmark
{
    private const int Side = 64, Tokens = 248, Timestep = 481;
    private const double LearningRate = 1e-5;

    public static int Run(ReadOnlySpan<string> arguments)
    {
        Options options = new(arguments, "--threads", "--repetitions", "--batch", "--python");
        int threads = options.Number("--threads", Environment.ProcessorCount), repetitions = options.Number("--repetitions", 2), batch = options.Number("--batch", 1);
        string script = Path.Combine("benchmarks", "pytorch", "training.py");
        using TorchPeer? peer = TorchPeer.Start(script, options.Text("--python", TorchPeer.Python), threads, "--batch", batch.ToString(CultureInfo.InvariantCulture));
        using Stream stream = options.OpenOutput();
        using Utf8JsonWriter json = new(stream, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        Machine.Write(json, threads);
        json.WriteString("peer", peer is null ? null : $"PyTorch {peer.Version}, residual blocks, transformers and text layers computed again on the way back");
        json.WriteNumber("batch", batch);
        json.WriteNumber("repetitions", repetitions);
        Measure(json, threads, repetitions, batch, peer);
        json.WriteEndObject();
        return 0;
    }

    private static void Measure(Utf8JsonWriter json, int threads, int repetitions, int batch, TorchPeer? peer)
    {
        using CpuOps cpu = new(new CpuOptions { Threads = threads });
        TrainingProfile profile = new(cpu);
        using FormulaModel files = new(SizedModel.StableDiffusion14);
        using AdapterModel model = AdapterModel.Load(files, profile, new AdapterSettings());
        GradientSums sums = new(model.Parameters);
        AdamW optimiser = new(model.Parameters);
        AdapterBatch inputs = Batch(model, batch);
        List<Update> ours = [], theirs = [];
        double peak = 0;
        for (int i = 0; i <= repetitions; i++)
        {
            if (i == 1)
                profile.Reset();
            peak = Math.Max(peak, FmaPeak.Measure(threads));
            ours.Add(Step(model, inputs, sums, optimiser, profile));
            Tell("ours", ours[^1]);
            if (peer is not null)
            {
                theirs.Add(Ask(peer));
                Tell("PyTorch", theirs[^1]);
            }
        }

        double median = Median(ours), flops = profile.Flops / repetitions;
        json.WriteNumber("median_ms", Math.Round(median, 1));
        json.WriteNumber("peak_memory_gb", Math.Round(ours[^1].PeakGigabytes, 2));
        json.WriteNumber("tflop", Math.Round(flops / 1e12, 3));
        json.WriteNumber("gflops_per_s", Math.Round(flops / median / 1e6, 1));
        json.WriteNumber("fma_peak_gflops", Math.Round(peak / 1e9, 1));
        if (peer is not null)
        {
            json.WriteNumber("torch_median_ms", Math.Round(Median(theirs), 1));
            json.WriteNumber("torch_peak_memory_gb", Math.Round(theirs[^1].PeakGigabytes, 2));
            json.WriteNumber("ratio", Math.Round(Median(theirs) / median, 3));
        }

        json.WriteStartArray("updates");
        for (int i = 0; i < ours.Count; i++)
        {
            json.WriteStartObject();
            Write(json, "", ours[i]);
            if (peer is not null)
            {
                Write(json, "torch_", theirs[i]);
                json.WriteNumber("loss_difference", Math.Abs(ours[i].Loss - theirs[i].Loss) / theirs[i].Loss);
                json.WriteNumber("gradient_norm_difference", Math.Abs(ours[i].Norm - theirs[i].Norm) / theirs[i].Norm);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartObject("operations");
        foreach ((string operation, int calls, double seconds, double work) in profile.Operations)
        {
            json.WriteStartObject(operation);
            json.WriteNumber("calls", calls / repetitions);
            json.WriteNumber("ms", Math.Round(seconds * 1000 / repetitions, 1));
            if (work > 0)
                json.WriteNumber("gflops_per_s", Math.Round(work / seconds / 1e9, 1));
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static Update Step(AdapterModel model, AdapterBatch inputs, GradientSums sums, AdamW optimiser, TrainingProfile ops)
    {
        long start = Stopwatch.GetTimestamp();
        sums.Clear();
        double loss = AdapterStep.Accumulate(model, inputs, sums).Total, norm = sums.Norm();
        optimiser.Update(sums.Values, LearningRate);
        foreach (Parameter parameter in model.Parameters)
            parameter.Publish(ops);
        return new Update(Stopwatch.GetElapsedTime(start).TotalMilliseconds, loss, norm, CheckpointBenchmark.Peak() / 1e9);
    }

    private static Update Ask(TorchPeer peer)
    {
        using JsonDocument answer = peer.Ask("step");
        double Value(string name) => answer.RootElement.GetProperty(name).GetDouble();
        return new Update(Value("ms"), Value("loss"), Value("norm"), Value("peak_gb"));
    }

    private static AdapterBatch Batch(AdapterModel model, int batch)
    {
        int[] prompt = new int[77];
        Array.Fill(prompt, 49407);
        ((int[])[49406, 320, 1125, 539, model.PlaceholderId]).CopyTo(prompt, 0);
        Shape features = [batch, Tokens, 2304], latents = [batch, Side, Side, 4];
        return new AdapterBatch
        {
            Features = WeightFormula.GaussLike("bench/features", features),
            FeatureShape = features,
            Latents = Map("bench/latents", batch),
            LatentShape = latents,
            Noise = Map("bench/noise", batch),
            Timesteps = [.. Enumerable.Repeat(Timestep, batch)],
            Prompts = [.. Enumerable.Repeat<IReadOnlyList<int>>(prompt, batch)],
        };
    }

    private static float[] Map(string key, int batch)
    {
        float[] channelsFirst = WeightFormula.GaussLike(key, [batch, 4, Side, Side]), channelsLast = new float[channelsFirst.Length];
        ChannelLayout.ToChannelsLast(channelsFirst, channelsLast, channels: 4, pixels: Side * Side);
        return channelsLast;
    }

    // The first update warms up.
    private static double Median(List<Update> updates)
    {
        double[] sorted = [.. updates.Skip(1).Select(update => update.Milliseconds).Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static void Write(Utf8JsonWriter json, string prefix, Update update)
    {
        json.WriteNumber(prefix + "ms", Math.Round(update.Milliseconds, 1));
        json.WriteNumber(prefix + "loss", update.Loss);
        json.WriteNumber(prefix + "gradient_norm", update.Norm);
    }

    private static void Tell(string who, Update update) => Console.Error.WriteLine(
        $"{who,-8} {update.Milliseconds / 1000,7:f2} s   loss {update.Loss:g7}   gradient {update.Norm:g6}   peak memory {update.PeakGigabytes:f1} GB");

    private readonly record struct Update(double Milliseconds, double Loss, double Norm, double PeakGigabytes);
}
