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
/// <param name="Peer">ONNX Runtime's, or null where it has no such operation or is not asked for it.</param>
/// <param name="Way">How ONNX Runtime is asked for it.</param>
/// <param name="Peak">Multiply-add peak at that time, FLOP/s.</param>
internal sealed record PeerRow(KernelCase Case, int Calls, int GuidedCalls, double Exact, double Fast, double? Peer, string? Way, double Peak)
{
    /// <summary>Ours, theirs, ours, theirs: a machine that slows down slows all of them. Each timed run directly follows one that is not.</summary>
    public static PeerRow Measure(KernelCase item, int calls, int guidedCalls, BenchDevice exact, BenchDevice fast, int threads, int repetitions)
    {
        using OnnxPeer? peer = calls == 0 ? null : OnnxPeer.Quickest(OnnxModel.Of(item), threads);
        List<double> exacts = [], fasts = [], peers = [], peaks = [];
        for (int i = 0; i < repetitions; i++)
        {
            exacts.Add(Own(exact));
            if (peer is not null)
            {
                peer.Run();
                peers.Add(peer.Run());
            }

            fasts.Add(Own(fast));
        }

        return new PeerRow(item, calls, guidedCalls, Median(exacts), Median(fasts), peer is null ? null : Median(peers), peer?.Way, Median(peaks));

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
        $"{Case.Operation} {Case.Shape} x{Calls}{(GuidedCalls == Calls || GuidedCalls == 0 ? "" : $", guided x{GuidedCalls}")}: exact {Exact * 1e3:f1} ms ({Case.Flops / Exact / Peak:P0} of peak), default {Fast * 1e3:f1} ms{(Peer is null ? "" : $", ONNX Runtime {Peer * 1e3:f1} ms ({Way})")}");

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

        json.WriteNumber("peak_gflops", Math.Round(Peak / 1e9, 1));
        json.WriteEndObject();
    }

    private static double Median(List<double> values) => Spread.Of(values).Median;
}
