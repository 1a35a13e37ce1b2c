using System.Globalization;
using System.Text.Json;
using AudioToken.Backends.Cpu;
using AudioToken.Bench;
using AudioToken.Bench.Cases;
using AudioToken.Peers;

// The operations of a network of Stable Diffusion 1.4 or of BEATs, each by us and by ONNX Runtime, taking turns.
const string Whole = "whole";
(string network, string only) = ("unet", "");
(int threads, int repetitions, string? output) = (Environment.ProcessorCount, 3, null);
for (int i = 0; i < args.Length; i += 2)
{
    string? value = i + 1 < args.Length ? args[i + 1] : null;
    if (args[i] == "--network" && value is "unet" or "vae" or "beats")
        network = value;
    else if (args[i] == "--only" && value is not null)
        only = value;
    else if (args[i] == "--threads" && int.TryParse(value, CultureInfo.InvariantCulture, out int count))
        threads = count;
    else if (args[i] == "--repetitions" && int.TryParse(value, CultureInfo.InvariantCulture, out count))
        repetitions = count;
    else if (args[i] == "-o" && value is not null)
        output = value;
    else
        return Usage();
}

// A step of one picture with guidance: batch 2, of which the pipeline does once what both halves share.
SizedModel size = SizedModel.StableDiffusion14;
StepRecorder plain = network == "unet" ? UnetStep.Record(size.Unet, batch: 2) : StepRecorder.OfStage(size, network);
StepRecorder? guided = network == "unet" ? StepRecorder.OfStage(size, Stages.Step + "-2") : null;
Dictionary<KernelCase, int> guidedCalls = new(guided?.Calls ?? new Dictionary<KernelCase, int>());

using ProcessorDevice exact = new(new CpuOps(new CpuOptions { Threads = threads, Exact = true }), threads), fast = new(new CpuOps(new CpuOptions { Threads = threads }), threads);
List<PeerRow> rows = [];
IEnumerable<KernelCase> cases = plain.Calls.Keys.Union(guidedCalls.Keys).Where(item => $"{item.Operation} {item.Shape}".Contains(only, StringComparison.Ordinal));
foreach (KernelCase item in cases.OrderByDescending(item => item.Flops * plain.Calls.GetValueOrDefault(item)))
{
    PeerRow row = PeerRow.Measure(item, plain.Calls.GetValueOrDefault(item), guidedCalls.GetValueOrDefault(item), exact, fast, threads, repetitions);
    rows.Add(row);
    Console.Error.WriteLine(row);
}

if (rows.Count == 0 && only != Whole)
    return Usage();
WholeNetwork? whole = only is not ("" or Whole) ? null : WholeNetwork.Measure(network == "unet" ? Stages.Unet + "-2" : network, exact, fast, threads, repetitions);
PeerReport report = new(network, rows, Math.Max(exact.BestArithmeticPeak, fast.BestArithmeticPeak), whole, (guided ?? plain).Others);
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
    Console.Error.WriteLine("Usage: AudioToken.Peers [--network unet|vae|beats] [--only TEXT|whole] [--threads N] [--repetitions N] [-o FILE]");
    return 2;
}
