using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using AudioToken.Tensors;
using AudioToken.Testing.Torch;
using AudioToken.Weights;
using AudioToken.WeightsConverter;
using AudioToken.WeightsConverter.PyTorch;

namespace AudioToken.Benchmarks;

/// <summary>Reads a PyTorch checkpoint of full size and writes its tensors anew, and converts a whole model, beside a plain copy of a file of the same size.</summary>
/// <remarks><c>checkpoint [--folder DIR] [--repetitions N] [-o FILE]</c>. The folder takes some 9 GB meanwhile. Ways take turns, with the file in the page
/// cache; all that write wait for the disk. Memory is the process's peak above what it had before, as Linux counts it.</remarks>
internal static class CheckpointBenchmark
{
    private const int CopyBuffer = 1 << 20;

    public static int Run(ReadOnlySpan<string> arguments)
    {
        Options options = new(arguments, "--folder", "--repetitions");
        string parent = options.Text("--folder", Path.GetTempPath());
        int repetitions = options.Number("--repetitions", 3);
        string folder = Directory.CreateDirectory(Path.Combine(parent, $"audiotoken-{Environment.ProcessId}")).FullName;
        try
        {
            string bundle = Path.Combine(folder, "model.safetensors"), checkpoint = Path.Combine(folder, "model.ckpt");
            Make(bundle, checkpoint);
            using Stream stream = options.OpenOutput();
            Measure(bundle, checkpoint, Path.Combine(folder, "out"), repetitions, stream);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Make(string bundle, string checkpoint)
    {
        FormulaBundle.Write(bundle, DType.F16);
        using SafetensorsFile file = SafetensorsFile.Open(bundle);
        new TorchSave { StateKey = "state_dict" }.AddAll(file).SaveZip(checkpoint);
    }

    private static void Measure(string bundle, string checkpoint, string target, int repetitions, Stream output)
    {
        (string Name, Action Run)[] ways =
        [
            ("copy", () => Copy(checkpoint, target)),
            ("open", () => PyTorchFile.Open(checkpoint).Dispose()),
            ("read", () => Read(checkpoint)),
            ("look through", () => LookThrough(checkpoint)),
            ("read and write", () => Rewrite(checkpoint, target, null)),
            ("read and write as F32", () => Rewrite(checkpoint, target, DType.F32)),
            ("convert a model", () => Convert(bundle, target)),
        ];
        List<Measurement>[] results = [.. ways.Select(_ => new List<Measurement>())];
        for (int repetition = 0; repetition <= repetitions; repetition++) // the first warms up
        {
            for (int i = 0; i < ways.Length; i++)
            {
                Measurement measured = Time(ways[i].Run);
                if (repetition > 0)
                    results[i].Add(measured);
                File.Delete(target);
            }
        }

        long bytes = new FileInfo(checkpoint).Length;
        double copy = results[0].Min(result => result.Seconds);
        using Utf8JsonWriter json = new(output, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        Machine.Write(json, 1);
        json.WriteNumber("bytes", bytes);
        json.WriteNumber("repetitions", repetitions);
        json.WriteStartArray("rows");
        for (int i = 0; i < ways.Length; i++)
        {
            double least = results[i].Min(result => result.Seconds);
            json.WriteStartObject();
            json.WriteString("name", ways[i].Name);
            json.WriteNumber("min_s", Math.Round(least, 3));
            json.WriteNumber("max_s", Math.Round(results[i].Max(result => result.Seconds), 3));
            json.WriteNumber("mb_per_s", Math.Round(bytes / least / 1e6));
            json.WriteNumber("of_copy_speed", Math.Round(copy / least, 3));
            json.WriteNumber("peak_memory_mb", Math.Round(results[i].Max(result => result.PeakBytes) / 1e6, 1));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Copy(string source, string target)
    {
        byte[] buffer = new byte[CopyBuffer];
        using FileStream from = new(source, FileMode.Open, FileAccess.Read, FileShare.Read, 1), to = new(target, FileMode.Create, FileAccess.Write, FileShare.None, 1);
        for (int read = from.Read(buffer); read > 0; read = from.Read(buffer))
            to.Write(buffer, 0, read);
        to.Flush(flushToDisk: true);
    }

    private static void Read(string checkpoint)
    {
        byte[] buffer = new byte[CopyBuffer];
        using PyTorchFile file = PyTorchFile.Open(checkpoint);
        foreach (string name in file.Names)
        {
            StoredWeightSource source = (StoredWeightSource)file.Find(name)!;
            long length = source.Shape.Count * source.DType.Size();
            for (long done = 0; done < length; done += buffer.Length)
                source.ReadBytes(done, buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - done)));
        }
    }

    private static void LookThrough(string checkpoint)
    {
        using PyTorchFile file = PyTorchFile.Open(checkpoint);
        foreach (string name in file.Names)
        {
            if (TensorStatistics.Of(file.Find(name)!).NonFinite > 0)
                throw new InvalidOperationException($"{name} is not finite.");
        }
    }

    private static void Rewrite(string checkpoint, string target, DType? dtype)
    {
        using PyTorchFile file = PyTorchFile.Open(checkpoint);
        SafetensorsWriter writer = new();
        foreach (string name in file.Names)
        {
            WeightSource source = file.Find(name)!;
            writer.Add(source, source.DType.IsFloat() ? dtype : null);
        }

        writer.Save(target);
    }

    // What the command does: hash what is read, hold every value to be finite, write the bundle.
    private static void Convert(string bundle, string target)
    {
        using ModelFiles model = ModelFiles.Open(bundle);
        new BundleBuilder().Build(model, target);
    }

    private static Measurement Time(Action run)
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        if (OperatingSystem.IsLinux())
            File.WriteAllText("/proc/self/clear_refs", "5"); // the peak begins anew
        long before = Peak();
        long start = Stopwatch.GetTimestamp();
        run();
        return new Measurement(Stopwatch.GetElapsedTime(start).TotalSeconds, Peak() - before);
    }

    /// <summary>Peak resident memory in bytes: what is read through handles lies in the page cache and is not counted.</summary>
    internal static long Peak()
    {
        if (!OperatingSystem.IsLinux())
            return 0;
        string line = File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
    }

    private readonly record struct Measurement(double Seconds, long PeakBytes);
}
