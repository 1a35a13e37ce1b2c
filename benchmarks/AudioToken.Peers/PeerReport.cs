using System.Globalization;
using System.Text;
using System.Text.Json;
using AudioToken.Bench;
using AudioToken.Benchmarks;

namespace AudioToken.Peers;

/// <summary>Sums over a step.</summary>
internal sealed class PeerReport(IReadOnlyList<PeerRow> rows)
{
    private IEnumerable<(string Name, double Flops, double Exact, double Fast, double? Peer, double Peak)> Classes =>
        rows.GroupBy(row => row.Case.Class).OrderBy(group => group.Key).Select(group => Sum(OperationClasses.Name(group.Key), [.. group]));

    // Where ONNX Runtime has an operation; and all of ours against that, which flatters it by norms and gates.
    private (string Name, double Flops, double Exact, double Fast, double? Peer, double Peak) Total => Sum("step", rows);

    /// <inheritdoc/>
    public override string ToString()
    {
        StringBuilder text = new("class      GFLOP   exact s  of peak  default s  ONNX Runtime s  exact ahead  default ahead\n");
        foreach ((string name, double flops, double exact, double fast, double? peer, double peak) in Classes.Append(Total))
        {
            text.Append(CultureInfo.InvariantCulture, $"{name,-10} {flops / 1e9,6:f0} {exact,9:f3} {flops / exact / peak,8:P0} {fast,10:f3} {peer,15:f3} {peer / exact,12:f2} {peer / fast,14:f2}\n");
        }

        return text.ToString();
    }

    /// <summary>Writes all of it.</summary>
    public void Write(Utf8JsonWriter json, int threads, int repetitions)
    {
        json.WriteStartObject();
        Machine.Write(json, threads);
        json.WriteString("peer", $"ONNX Runtime {OnnxPeer.Version}, one operation a model, all optimisations, without activation, gate, residual, shift and norms, which ours has");
        json.WriteNumber("repetitions", repetitions);
        json.WriteStartObject("seconds_per_step");
        foreach ((string name, double flops, double exact, double fast, double? peer, double peak) in Classes.Append(Total))
        {
            json.WriteStartObject(name);
            json.WriteNumber("gflop", Math.Round(flops / 1e9, 1));
            json.WriteNumber("exact", Math.Round(exact, 4));
            json.WriteNumber("default", Math.Round(fast, 4));
            if (peer is { } theirs)
                json.WriteNumber("onnxruntime", Math.Round(theirs, 4));
            json.WriteNumber("exact_share_of_peak", Math.Round(flops / exact / peak, 3));
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteStartArray("operations");
        foreach (PeerRow row in rows)
        {
            json.WriteStartObject();
            json.WriteString("operation", $"{row.Case.Operation} {row.Case.Shape}");
            json.WriteNumber("calls", row.Calls);
            json.WriteNumber("gflop", Math.Round(row.Case.Flops / 1e9, 4));
            json.WriteNumber("exact_ms", Math.Round(row.Exact * 1e3, 3));
            json.WriteNumber("default_ms", Math.Round(row.Fast * 1e3, 3));
            if (row.Peer is { } peer)
                json.WriteNumber("onnxruntime_ms", Math.Round(peer * 1e3, 3));
            json.WriteNumber("peak_gflops", Math.Round(row.Peak / 1e9, 1));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static (string Name, double Flops, double Exact, double Fast, double? Peer, double Peak) Sum(string name, IReadOnlyList<PeerRow> rows)
    {
        double seconds = rows.Sum(row => row.Exact * row.Calls);
        return (
            name, rows.Sum(row => row.Case.Flops * row.Calls), seconds, rows.Sum(row => row.Fast * row.Calls),
            rows.Any(row => row.Peer is not null) ? rows.Sum(row => (row.Peer ?? 0) * row.Calls) : null,
            // The peak while it ran, by time.
            rows.Sum(row => row.Peak * row.Exact * row.Calls) / seconds);
    }
}
