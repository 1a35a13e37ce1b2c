using System.Diagnostics;
using System.Text.Json;
using AudioToken.Backends.Cpu;
using AudioToken.Bench;
using AudioToken.Training.Demonstration;
using AudioToken.Training.Runs;

namespace AudioToken.Benchmarks;

/// <summary>Trains the demonstration model for a part of its time and tells of each stage how near an update comes to the multiply-add peak.</summary>
/// <remarks><c>world [--threads N] [--part N] [-o FILE] [NAME...]</c>: the recipe with one of N updates, and one of N samples, so that making samples has
/// its share of the time; the first update of a stage is not counted. An update is all of it: samples, both ways, optimiser, new weights.
/// Stages that are not named are left out, and those that follow them then train on what is untrained.</remarks>
internal sealed class WorldBenchmark : IDisposable
{
    private readonly CpuOps _cpu;
    private readonly TrainingProfile _profile;
    private readonly Utf8JsonWriter _json;
    private readonly int _threads;
    private readonly double _part;
    private double _seconds, _flops, _peakFlops;

    private WorldBenchmark(Stream output, int threads, double part)
    {
        (_threads, _part) = (threads, part);
        _cpu = new CpuOps(new CpuOptions { Threads = threads });
        _profile = new TrainingProfile(_cpu);
        _json = new Utf8JsonWriter(output, new JsonWriterOptions { Indented = true });
    }

    public static int Run(ReadOnlySpan<string> arguments)
    {
        Options options = new(arguments, "--threads", "--part");
        int threads = options.Number("--threads", Environment.ProcessorCount), part = options.Number("--part", 50);
        string folder = Directory.CreateTempSubdirectory("audiotoken-").FullName;
        try
        {
            using Stream stream = options.OpenOutput();
            using WorldBenchmark benchmark = new(stream, threads, part);
            benchmark.Measure(folder, options.Words);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    public void Dispose()
    {
        _json.Dispose();
        _cpu.Dispose();
    }

    private void Measure(string folder, IReadOnlyList<string> names)
    {
        long Updates(string name, long all) => names.Count > 0 && !names.Contains(name) ? 0 : Math.Max(2, (long)(all / _part));
        Recipe whole = new();
        Recipe recipe = whole with
        {
            SamplesOfEach = Math.Max(1, (int)(whole.SamplesOfEach / _part)),
            Autoencoder = Updates("autoencoder", whole.Autoencoder),
            Reading = Updates("reading", whole.Reading),
            Diffusion = Updates("diffusion", whole.Diffusion),
            Hearing = Updates("hearing", whole.Hearing),
            Embedder = Updates("embedder", whole.Embedder),
        };
        _json.WriteStartObject();
        Machine.Write(_json, _threads);
        _json.WriteNumber("part", _part);
        _json.WriteStartArray("rows");
        using FormulaModel scheduler = new(SizedModel.StableDiffusion14);
        StageClock? clock = null;
        new DemonstrationRun(scheduler, _profile, recipe, folder, _ => Close(ref clock), stage => clock = new StageClock(this, stage)).Run();
        Close(ref clock);
        _json.WriteEndArray();
        _json.WriteNumber("seconds", Rounded(_seconds));
        _json.WriteNumber("gflops_per_s", Rounded(_flops / _seconds / 1e9));
        _json.WriteNumber("share_of_fma_peak", Math.Round(_flops / _peakFlops, 3));
        _json.WriteEndObject();
        Console.Error.WriteLine($"all         {_seconds:f1} s, {_flops / _seconds / 1e9:f0} GFLOP/s, {_flops / _peakFlops:p1} of the peak");
    }

    private static void Close(ref StageClock? clock)
    {
        clock?.Write();
        clock = null;
    }

    private void Write(string stage, int updates, double seconds, double peak)
    {
        double flops = _profile.Flops;
        _seconds += seconds;
        _flops += flops;
        _peakFlops += seconds * peak;
        _json.WriteStartObject();
        _json.WriteString("name", stage);
        _json.WriteNumber("updates", updates);
        _json.WriteNumber("update_ms", Rounded(seconds * 1000 / updates));
        _json.WriteNumber("gflop", Rounded(flops / updates / 1e9));
        _json.WriteNumber("gflops_per_s", Rounded(flops / seconds / 1e9));
        _json.WriteNumber("fma_peak_gflops", Rounded(peak / 1e9));
        _json.WriteNumber("share_of_fma_peak", Math.Round(flops / seconds / peak, 3));
        _json.WriteStartObject("operations");
        double within = 0;
        foreach ((string operation, int calls, double time, double work) in _profile.Operations)
        {
            within += time;
            _json.WriteStartObject(operation);
            _json.WriteNumber("calls", Rounded((double)calls / updates));
            _json.WriteNumber("ms", Rounded(time * 1000 / updates));
            if (work > 0)
                _json.WriteNumber("share_of_fma_peak", Math.Round(work / time / peak, 3));
            _json.WriteEndObject();
        }

        _json.WriteEndObject();
        _json.WriteNumber("other_ms", Rounded((seconds - within) * 1000 / updates));
        _json.WriteEndObject();
        _json.Flush();
        Console.Error.WriteLine(
            $"{stage,-13} {seconds * 1000 / updates,8:f1} ms an update, {flops / seconds / 1e9,6:f1} GFLOP/s, {flops / seconds / peak,6:p1} of the peak; outside operations {(seconds - within) / seconds:p1}");
    }

    private static double Rounded(double value) => Math.Round(value, 2);

    // Counts a stage's updates from the second one on.
    private sealed class StageClock(WorldBenchmark benchmark, string stage) : IProgress<RunProgress>
    {
        private const int Readings = 5; // before the stage and after it; one alone may fall into another program's moment

        private readonly List<double> _peaks = [];
        private int _updates;
        private long _begun, _ended;

        public void Report(RunProgress value)
        {
            if (_begun != 0)
            {
                _updates++;
                _ended = Stopwatch.GetTimestamp();
                return;
            }

            ReadPeaks();
            benchmark._profile.Reset();
            _begun = Stopwatch.GetTimestamp();
        }

        public void Write()
        {
            ReadPeaks();
            _peaks.Sort();
            benchmark.Write(stage, _updates, Stopwatch.GetElapsedTime(_begun, _ended).TotalSeconds, _peaks[_peaks.Count / 2]);
        }

        private void ReadPeaks()
        {
            for (int i = 0; i < Readings; i++)
                _peaks.Add(FmaPeak.Measure(benchmark._threads));
        }
    }
}
