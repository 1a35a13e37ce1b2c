using System.Globalization;
using System.Text.Json;
using AudioToken.Backends.Cpu;
using AudioToken.Bench;
using AudioToken.Bench.Cases;
using AudioToken.Peers;

// The operations of a UNet step of Stable Diffusion 1.4, each by us and by ONNX Runtime, taking turns.
(int threads, int repetitions, string? output) = (Environment.ProcessorCount, 3, null);
for (int i = 0; i < args.Length; i += 2)
{
    string? value = i + 1 < args.Length ? args[i + 1] : null;
    if (args[i] == "--threads" && int.TryParse(value, CultureInfo.InvariantCulture, out int count))
        threads = count;
    else if (args[i] == "--repetitions" && int.TryParse(value, CultureInfo.InvariantCulture, out count))
        repetitions = count;
    else if (args[i] == "-o" && value is not null)
        output = value;
    else
        return Usage();
}

using ProcessorDevice exact = new(new CpuOps(new CpuOptions { Threads = threads, Exact = true }), threads), fast = new(new CpuOps(new CpuOptions { Threads = threads }), threads);
List<PeerRow> rows = [];
foreach ((KernelCase item, int calls) in UnetStep.Record(SizedModel.StableDiffusion14.Unet, batch: 2).Calls.OrderByDescending(call => call.Key.Flops * call.Value))
{
    PeerRow row = PeerRow.Measure(item, calls, exact, fast, threads, repetitions);
    rows.Add(row);
    Console.Error.WriteLine(row);
}

PeerReport report = new(rows);
Console.WriteLine(report);
if (output is not null)
{
    using FileStream file = File.Create(output);
    using Utf8JsonWriter json = new(file, new JsonWriterOptions { Indented = true });
    report.Write(json, threads, repetitions);
}

return 0;

static int Usage()
{
    Console.Error.WriteLine("Usage: AudioToken.Peers [--threads N] [--repetitions N] [-o FILE]");
    return 2;
}
