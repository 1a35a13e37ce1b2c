using System.Text.Json;
using AudioToken.Bench;
using AudioToken.Bench.Cases;
using AudioToken.Benchmarks;

namespace AudioToken.Peers;

/// <summary>Sums over a network.</summary>
/// <param name="network">Its name.</param>
/// <param name="rows">Its operations.</param>
/// <param name="bestPeak">The highest multiply-add peak that was measured, FLOP/s.</param>
/// <param name="whole">The network in one piece, or null.</param>
/// <param name="notMeasured">Operations that have no case, and how often the network asks for them.</param>
internal sealed class PeerReport(string network, IReadOnlyList<PeerRow> rows, double bestPeak, WholeNetwork? whole, IReadOnlyDictionary<string, int> notMeasured)
{
    private IEnumerable<PeerSum> Sums
    {
        get
        {
            if (rows.Count == 0)
                yield break;
            PeerRow[] plain = [.. rows.Where(row => row.Calls > 0)];
            foreach (IGrouping<string, PeerRow> group in plain.GroupBy(row => Class(row.Case)).OrderBy(group => group.Key, StringComparer.Ordinal))
                yield return PeerSum.Of(group.Key, [.. group], row => row.Calls);
            yield return PeerSum.Of(network, plain, row => row.Calls);
            if (rows.Any(row => row.GuidedCalls > 0))
                yield return PeerSum.Of($"{network}, guided", rows, row => row.GuidedCalls); // the peer cannot share, and does the plain step
        }
    }

    /// <inheritdoc/>
    public override string ToString() => string.Join('\n', [PeerSum.Header, .. Sums.Select(sum => sum.Line(bestPeak)), .. whole is null ? (string[])[] : [whole.ToString()]]);

    /// <summary>Writes all of it.</summary>
    public void Write(Utf8JsonWriter json, int threads, int repetitions)
    {
        json.WriteStartObject();
        Machine.Write(json, threads);
        json.WriteString("network", network);
        json.WriteString("peer", $"ONNX Runtime {OnnxPeer.Version}, one operation a model with all that ours does, all optimisations; its products and convolutions by themselves as onnxruntime_products");
        json.WriteNumber("repetitions", repetitions);
        if (rows.Count > 0)
        {
            json.WriteNumber("fma_peak_gflops", Math.Round(bestPeak / 1e9, 1));
            json.WriteNumber("fma_peak_median_gflops", Math.Round(Spread.Of(rows.Select(row => row.Peak)).Median / 1e9, 1));
        }

        json.WriteStartObject("seconds");
        foreach (PeerSum sum in Sums)
            sum.Write(json, bestPeak);
        json.WriteEndObject();
        whole?.Write(json);
        json.WriteStartObject("not_measured");
        foreach ((string operation, int calls) in notMeasured)
            json.WriteNumber(operation, calls);
        json.WriteEndObject();
        json.WriteStartArray("operations");
        foreach (PeerRow row in rows)
            row.Write(json);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    // The kinds of work that reach different shares of the peak.
    private static string Class(KernelCase item) => item switch
    {
        Conv2dCase { Enlarged.Height: > 0 } => "conv, enlarging", // ours multiplies less than the plain formula, in its exact form too
        Conv2dCase { Window: (3, 3) } => "conv 3x3",
        Conv2dCase or GroupedConv1dCase => "conv, other",
        AttentionCase attention => attention.Queries == attention.Keys ? "self-attention" : "cross-attention",
        _ => OperationClasses.Name(item.Class),
    };
}
