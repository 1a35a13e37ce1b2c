using System.Globalization;
using System.Text.Json;
using AudioToken.Bench;

namespace AudioToken.Cli.Benchmarks;

/// <summary>What <c>bench stages</c> tells.</summary>
internal static class StageReport
{
    public const string Header = "stage         class      calls  median ms       p10       p90     GFLOP  GFLOP/s  share of peak";

    /// <summary>A line for the stage, and one for each class within it.</summary>
    public static IEnumerable<string> Lines(StageMeasurement stage)
    {
        yield return string.Create(
            CultureInfo.InvariantCulture,
            $"{stage.Name,-13} {"",-10} {(stage.Classes.Count == 0 ? null : stage.Classes.Sum(item => item.Calls)),5} {stage.Seconds?.Median * 1e3,10:0.00} {stage.Seconds?.P10 * 1e3,9:0.00} {stage.Seconds?.P90 * 1e3,9:0.00} {Counted(stage.Flops) / 1e9,9:0.00} {stage.FlopsPerSecond / 1e9,8:0.0} {stage.ShareOfPeak,14:0.0%}{(stage.Kernels is null ? "" : $"  {stage.Kernels} kernels")}{(stage.RelativeRms is null ? "" : $"  rel_rms {stage.RelativeRms:0.0e+0}")}{(stage.PageFaults is null ? "" : $"  {stage.PageFaults:0} page faults")}").TrimEnd();
        foreach ((OperationClass operations, int calls, double? seconds, double flops) in stage.Classes)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"{"",-13} {OperationClasses.Name(operations),-10} {calls,5} {seconds * 1e3,10:0.00} {"",9} {"",9} {Counted(flops) / 1e9,9:0.00} {Counted(flops) / seconds / 1e9,8:0.0} {Counted(flops) / seconds / stage.ArithmeticPeak,14:0.0%}").TrimEnd();
        }
    }

    public static void Write(Utf8JsonWriter json, IReadOnlyList<StageMeasurement> stages)
    {
        json.WriteStartArray("stages");
        foreach (StageMeasurement stage in stages)
        {
            json.WriteStartObject();
            json.WriteString("name", stage.Name);
            BenchJson.Write(json, "median_ms", stage.Seconds?.Median * 1e3);
            BenchJson.Write(json, "p10_ms", stage.Seconds?.P10 * 1e3);
            BenchJson.Write(json, "p90_ms", stage.Seconds?.P90 * 1e3);
            BenchJson.Write(json, "load_ms", stage.LoadSeconds * 1e3);
            json.WriteNumber("flops", stage.Flops);
            BenchJson.Write(json, "gflops_per_s", stage.FlopsPerSecond / 1e9);
            BenchJson.Write(json, "arithmetic_peak_gflops", stage.ArithmeticPeak / 1e9);
            BenchJson.Write(json, "share_of_peak", stage.ShareOfPeak);
            BenchJson.Write(json, "kernels", stage.Kernels);
            BenchJson.Write(json, "rel_rms", stage.RelativeRms);
            BenchJson.Write(json, "page_faults", stage.PageFaults);
            json.WriteStartObject("classes");
            foreach ((OperationClass operations, int calls, double? seconds, double flops) in stage.Classes)
            {
                json.WriteStartObject(OperationClasses.Name(operations));
                json.WriteNumber("calls", calls);
                BenchJson.Write(json, "ms", seconds * 1e3);
                json.WriteNumber("flops", flops);
                BenchJson.Write(json, "gflops_per_s", Counted(flops) / seconds / 1e9);
                BenchJson.Write(json, "share_of_peak", Counted(flops) / seconds / stage.ArithmeticPeak);
                json.WriteEndObject();
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static double? Counted(double flops) => flops > 0 ? flops : null;
}
