using System.Globalization;
using System.Text.Json;

namespace AudioToken.Peers;

/// <summary>A sum over calls: seconds, and the peak of the moment weighed by them.</summary>
/// <param name="Name">Of what.</param>
/// <param name="Flops">Of ours, of the plain formula.</param>
/// <param name="Exact">Ours, sums term by term.</param>
/// <param name="Fast">Ours, as it is by default.</param>
/// <param name="Peer">ONNX Runtime's, of the plain calls, with all that ours does; null where it has no operation.</param>
/// <param name="Products">Its products and convolutions by themselves; null where there are none.</param>
/// <param name="Peak">Multiply-add peak, FLOP/s.</param>
internal sealed record PeerSum(string Name, double Flops, double Exact, double Fast, double? Peer, double? Products, double Peak)
{
    public const string Header = "sum             GFLOP   exact s  of peak  of best  default s  ONNX Runtime s  exact ahead  default ahead  its products s  exact ahead  default ahead";

    /// <summary>Sums.</summary>
    public static PeerSum Of(string name, IReadOnlyCollection<PeerRow> rows, Func<PeerRow, int> calls)
    {
        double exact = rows.Sum(row => row.Exact * calls(row));
        return new PeerSum(
            name,
            rows.Sum(row => row.Case.Flops * calls(row)),
            exact,
            rows.Sum(row => row.Fast * calls(row)),
            Total(row => row.Peer),
            Total(row => row.Products),
            rows.Sum(row => row.Peak * row.Exact * calls(row)) / exact);

        double? Total(Func<PeerRow, double?> seconds) => rows.Any(row => seconds(row) is not null) ? rows.Sum(row => seconds(row) * row.Calls ?? 0) : null;
    }

    /// <summary>A line under <see cref="Header"/>.</summary>
    public string Line(double bestPeak) => string.Create(
        CultureInfo.InvariantCulture,
        $"{Name,-15} {Flops / 1e9,5:f0} {Exact,9:f3} {Flops / Exact / Peak,8:P0} {Flops / Exact / bestPeak,8:P0} {Fast,10:f3} {Peer,15:f3} {Peer / Exact,12:f2} {Peer / Fast,14:f2} {Products,15:f3} {Products / Exact,12:f2} {Products / Fast,14:f2}");

    /// <summary>Writes it under its name.</summary>
    public void Write(Utf8JsonWriter json, double bestPeak)
    {
        json.WriteStartObject(Name);
        json.WriteNumber("gflop", Math.Round(Flops / 1e9, 1));
        json.WriteNumber("exact", Math.Round(Exact, 4));
        json.WriteNumber("default", Math.Round(Fast, 4));
        if (Peer is { } peer)
            json.WriteNumber("onnxruntime", Math.Round(peer, 4));
        if (Products is { } products)
            json.WriteNumber("onnxruntime_products", Math.Round(products, 4));
        json.WriteNumber("exact_share_of_peak", Math.Round(Flops / Exact / Peak, 3));
        json.WriteNumber("exact_share_of_best_peak", Math.Round(Flops / Exact / bestPeak, 3));
        json.WriteEndObject();
    }
}
