using System.Globalization;
using System.Text.Json;

namespace AudioToken.Peers;

/// <summary>A sum over calls: seconds, and the peak of the moment weighed by them.</summary>
/// <param name="Name">Of what.</param>
/// <param name="Flops">Of ours, of the plain formula.</param>
/// <param name="Exact">Ours, sums term by term.</param>
/// <param name="Fast">Ours, as it is by default.</param>
/// <param name="Peer">ONNX Runtime's, of the plain calls, where it has an operation; null where it has none at all.</param>
/// <param name="Peak">Multiply-add peak, FLOP/s.</param>
internal sealed record PeerSum(string Name, double Flops, double Exact, double Fast, double? Peer, double Peak)
{
    public const string Header = "sum             GFLOP   exact s  of peak  of best  default s  ONNX Runtime s  exact ahead  default ahead";

    /// <summary>Sums.</summary>
    public static PeerSum Of(string name, IReadOnlyCollection<PeerRow> rows, Func<PeerRow, int> calls)
    {
        double exact = rows.Sum(row => row.Exact * calls(row));
        return new PeerSum(
            name,
            rows.Sum(row => row.Case.Flops * calls(row)),
            exact,
            rows.Sum(row => row.Fast * calls(row)),
            rows.Any(row => row.Peer is not null) ? rows.Sum(row => row.Peer * row.Calls ?? 0) : null,
            rows.Sum(row => row.Peak * row.Exact * calls(row)) / exact);
    }

    /// <summary>A line under <see cref="Header"/>.</summary>
    public string Line(double bestPeak) => string.Create(
        CultureInfo.InvariantCulture,
        $"{Name,-15} {Flops / 1e9,5:f0} {Exact,9:f3} {Flops / Exact / Peak,8:P0} {Flops / Exact / bestPeak,8:P0} {Fast,10:f3} {Peer,15:f3} {Peer / Exact,12:f2} {Peer / Fast,14:f2}");

    /// <summary>Writes it under its name.</summary>
    public void Write(Utf8JsonWriter json, double bestPeak)
    {
        json.WriteStartObject(Name);
        json.WriteNumber("gflop", Math.Round(Flops / 1e9, 1));
        json.WriteNumber("exact", Math.Round(Exact, 4));
        json.WriteNumber("default", Math.Round(Fast, 4));
        if (Peer is { } peer)
            json.WriteNumber("onnxruntime", Math.Round(peer, 4));
        json.WriteNumber("exact_share_of_peak", Math.Round(Flops / Exact / Peak, 3));
        json.WriteNumber("exact_share_of_best_peak", Math.Round(Flops / Exact / bestPeak, 3));
        json.WriteEndObject();
    }
}
