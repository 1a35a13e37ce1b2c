using System.Globalization;
using System.Text.Json;
using AudioToken.Bench;

namespace AudioToken.Cli.Benchmarks;

/// <summary>What <c>bench kernels</c> tells.</summary>
internal static class KernelReport
{
    /// <summary>The first line of a table.</summary>
    public static string Header(BenchPeer? peer) =>
        "operation       shape                                          calls   median ms      p10      p90  GFLOP/s    GB/s       roof  share  kernels" + (peer is null ? "" : $"  {peer.Name + " ms",11}  ratio  does");

    /// <summary>One line of the table.</summary>
    public static string Line(KernelMeasurement row, int? calls, BenchPeer? peer) => (string.Create(
        CultureInfo.InvariantCulture,
        $"{row.Case.Operation,-15} {row.Case.Shape,-45} {calls,6} {Ms(row.Seconds?.Median),11} {Ms(row.Seconds?.P10),8} {Ms(row.Seconds?.P90),8} {row.FlopsPerSecond / 1e9,8:0.0} {row.BytesPerSecond / 1e9,7:0.0} {Roof(row),10} {row.ShareOfRoof,6:0.0%} {row.Kernels,8}") +
        (peer is null ? "" : string.Create(CultureInfo.InvariantCulture, $"  {Ms(row.Peer?.Seconds?.Median),11} {row.PeerRatio,6:0.00}  {row.Peer?.Does}"))).TrimEnd();

    /// <summary>The sums below a table.</summary>
    public static IEnumerable<string> Sums(KernelRun run, BenchPeer? peer)
    {
        if (run.Batch is null)
            yield break;
        double? total = run.Classes.Aggregate((double?)0, (sum, item) => sum + item.Seconds);
        foreach ((OperationClass operations, int calls, double? seconds, double flops, long? kernels) in run.Classes)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"{OperationClasses.Name(operations),-15} {calls,4} calls {Ms(seconds),10} ms {seconds / total,6:0.0%} {flops / 1e9,9:0.0} GFLOP {(flops > 0 ? flops / seconds / 1e9 : null),8:0.0} GFLOP/s{(kernels is null ? "" : $" {kernels} kernels")}");
        }

        yield return string.Create(CultureInfo.InvariantCulture, $"{"step",-15} {run.Classes.Sum(item => item.Calls),4} calls {Ms(total),10} ms, batch {run.Batch}{NotMeasured(run)}");
        if (peer is not null && run.BesidePeer is var (both, ours, theirs))
            yield return string.Create(CultureInfo.InvariantCulture, $"{"beside " + peer.Name,-15} {both,4} calls {Ms(ours),10} ms, {peer.Name} {peer.Version} {Ms(theirs)} ms, ratio {(theirs / ours is { } ratio ? ratio.ToString("0.00", CultureInfo.InvariantCulture) : "-")}");
    }

    public static void Write(Utf8JsonWriter json, IReadOnlyList<KernelRun> runs, BenchPeer? peer)
    {
        json.WriteString("peer", peer?.Name);
        json.WriteString("peer_version", peer?.Version);
        json.WriteStartArray("runs");
        foreach (KernelRun run in runs)
        {
            json.WriteStartObject();
            BenchJson.Write(json, "batch", run.Batch);
            json.WriteStartArray("cases");
            foreach ((KernelMeasurement row, int? calls) in run.Rows)
                WriteCase(json, row, calls);
            json.WriteEndArray();
            if (run.Batch is not null)
                WriteSums(json, run);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteCase(Utf8JsonWriter json, KernelMeasurement row, int? calls)
    {
        json.WriteStartObject();
        json.WriteString("operation", row.Case.Operation);
        json.WriteString("shape", row.Case.Shape);
        BenchJson.Write(json, "calls", calls);
        BenchJson.Write(json, "median_ms", row.Seconds?.Median * 1e3);
        BenchJson.Write(json, "p10_ms", row.Seconds?.P10 * 1e3);
        BenchJson.Write(json, "p90_ms", row.Seconds?.P90 * 1e3);
        json.WriteNumber("flops", row.Case.Flops);
        json.WriteNumber("bytes", row.Bytes);
        BenchJson.Write(json, "gflops_per_s", row.FlopsPerSecond / 1e9);
        BenchJson.Write(json, "gb_per_s", row.BytesPerSecond / 1e9);
        json.WriteString("roof", row.IsArithmeticRoof is null ? null : Roof(row));
        BenchJson.Write(json, "share_of_roof", row.ShareOfRoof);
        BenchJson.Write(json, "arithmetic_peak_gflops", row.ArithmeticPeak / 1e9);
        BenchJson.Write(json, "bandwidth_gb_per_s", row.Bandwidth / 1e9);
        BenchJson.Write(json, "kernels", row.Kernels);
        json.WriteNumber("input_sets", row.InputSets);
        BenchJson.Write(json, "peer_ms", row.Peer?.Seconds?.Median * 1e3);
        BenchJson.Write(json, "ratio", row.PeerRatio);
        json.WriteString("peer_does", row.Peer?.Does);
        json.WriteEndObject();
    }

    private static void WriteSums(Utf8JsonWriter json, KernelRun run)
    {
        json.WriteStartObject("classes");
        foreach ((OperationClass operations, int calls, double? seconds, double flops, long? kernels) in run.Classes)
        {
            json.WriteStartObject(OperationClasses.Name(operations));
            json.WriteNumber("calls", calls);
            BenchJson.Write(json, "ms", seconds * 1e3);
            json.WriteNumber("flops", flops);
            BenchJson.Write(json, "gflops_per_s", flops > 0 ? flops / seconds / 1e9 : null);
            BenchJson.Write(json, "kernels", kernels);
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteStartObject("not_measured");
        foreach ((string operation, int calls) in run.NotMeasured)
            json.WriteNumber(operation, calls);
        json.WriteEndObject();
        BenchJson.Write(json, "step_ms", run.Classes.Aggregate((double?)0, (sum, item) => sum + item.Seconds) * 1e3);
        (int Calls, double? Seconds, double? PeerSeconds)? both = run.BesidePeer;
        json.WriteStartObject("beside_peer");
        BenchJson.Write(json, "calls", both?.Calls);
        BenchJson.Write(json, "ms", both?.Seconds * 1e3);
        BenchJson.Write(json, "peer_ms", both?.PeerSeconds * 1e3);
        BenchJson.Write(json, "ratio", both?.PeerSeconds / both?.Seconds);
        json.WriteEndObject();
    }

    private static string NotMeasured(KernelRun run) =>
        run.NotMeasured.Count == 0 ? "" : "; not measured: " + string.Join(", ", run.NotMeasured.Select(other => $"{other.Key} x{other.Value}"));

    private static string Roof(KernelMeasurement row) => row.IsArithmeticRoof switch { true => "arithmetic", false => "memory", null => "" };

    private static string Ms(double? seconds) => seconds is { } number ? (number * 1e3).ToString("0.000", CultureInfo.InvariantCulture) : "-";
}
