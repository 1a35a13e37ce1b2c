using System.Globalization;
using System.Text.Json;
using AudioToken.Bench;
using AudioToken.Bench.Cases;

namespace AudioToken.Peers;

/// <summary>One operation: seconds of one run, medians.</summary>
/// <param name="Case">The operation.</param>
/// <param name="Calls">How often the network asks for it.</param>
/// <param name="GuidedCalls">How often a guided step does.</param>
/// <param name="Exact">Ours, sums term by term.</param>
/// <param name="Fast">Ours, as it is by default.</param>
/// <param name="Peer">ONNX Runtime's with all that ours does, or null where it has no such operation or is not asked for it.</param>
/// <param name="Products">Its products and convolutions by themselves, or null where the operation has none.</param>
/// <param name="Way">How ONNX Runtime is asked for it.</param>
/// <param name="Peak">Multiply-add peak at that time, FLOP/s.</param>
internal sealed record PeerRow(KernelCase Case, int Calls, int GuidedCalls, double Exact, double Fast, double? Peer, double? Products, string? Way, double Peak)
{
    /// <summary>Ours, theirs, ours, theirs: a machine that slows down slows all of them. Each timed run directly follows one that is not.</summary>
    public static PeerRow Measure(KernelCase item, int calls, int guidedCalls, BenchDevice exact, BenchDevice fast, int threads, int repetitions)
    {
        IReadOnlyList<OnnxModel> whole = calls == 0 ? [] : OnnxModel.Of(item, whole: true), plain = calls == 0 ? [] : OnnxModel.Of(item, whole: false);
        bool same = whole.Count == plain.Count && whole.Zip(plain).All(pair => pair.First.Model.AsSpan().SequenceEqual(pair.Second.Model));
        using OnnxPeer? peer = OnnxPeer.Quickest(whole, threads), products = same ? null : OnnxPeer.Quickest(plain, threads);
        List<double> exacts = [], fasts = [], peers = [], productsAlone = [], peaks = [];
        for (int i = 0; i < repetitions; i++)
        {
            exacts.Add(Own(exact));
            Theirs(peer, peers);
            fasts.Add(Own(fast));
            Theirs(products, productsAlone);
        }

        double? its = Median(peers);
        return new PeerRow(item, calls, guidedCalls, Median(exacts)!.Value, Median(fasts)!.Value, its, same ? its : Median(productsAlone), peer?.Way, Median(peaks)!.Value);

        static void Theirs(OnnxPeer? peer, List<double> seconds)
        {
            if (peer is null)
                return;
            peer.Run();
            seconds.Add(peer.Run());
        }

        double Own(BenchDevice device)
        {
            KernelMeasurement measured = new KernelBench(device).Measure(item, 1);
            peaks.Add(measured.ArithmeticPeak!.Value);
            return measured.Seconds!.Value.Median;
        }
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Case.Operation} {Case.Shape} x{Calls}{(GuidedCalls == Calls || GuidedCalls == 0 ? "" : $", guided x{GuidedCalls}")}: exact {Exact * 1e3:f1} ms ({Case.Flops / Exact / Peak:P0} of peak), default {Fast * 1e3:f1} ms{(Peer is null ? "" : $", ONNX Runtime {Peer * 1e3:f1} ms ({Way})")}{(Products is null ? "" : $", by themselves {Products * 1e3:f1} ms")}");

    /// <summary>Writes an object.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("operation", $"{Case.Operation} {Case.Shape}");
        json.WriteNumber("calls", Calls);
        json.WriteNumber("guided_calls", GuidedCalls);
        json.WriteNumber("gflop", Math.Round(Case.Flops / 1e9, 4));
        json.WriteNumber("exact_ms", Math.Round(Exact * 1e3, 3));
        json.WriteNumber("default_ms", Math.Round(Fast * 1e3, 3));
        if (Peer is { } peer)
        {
            json.WriteNumber("onnxruntime_ms", Math.Round(peer * 1e3, 3));
            json.WriteString("onnxruntime_way", Way);
        }

        if (Products is { } products)
            json.WriteNumber("onnxruntime_products_ms", Math.Round(products * 1e3, 3));

        json.WriteNumber("peak_gflops", Math.Round(Peak / 1e9, 1));
        json.WriteEndObject();
    }

    private static double? Median(List<double> values) => values.Count == 0 ? null : Spread.Of(values).Median;
}
