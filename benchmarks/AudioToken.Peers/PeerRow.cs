using System.Globalization;
using AudioToken.Bench;
using AudioToken.Bench.Cases;

namespace AudioToken.Peers;

/// <summary>One operation: seconds of one run, medians.</summary>
/// <param name="Case">The operation.</param>
/// <param name="Calls">How often a step asks for it.</param>
/// <param name="Exact">Ours, sums term by term.</param>
/// <param name="Fast">Ours, as it is by default.</param>
/// <param name="Peer">ONNX Runtime's, or null where it has no such operation.</param>
/// <param name="Peak">Multiply-add peak at that time, FLOP/s.</param>
internal sealed record PeerRow(KernelCase Case, int Calls, double Exact, double Fast, double? Peer, double Peak)
{
    /// <summary>Ours, theirs, ours, theirs: a machine that slows down slows all of them.</summary>
    public static PeerRow Measure(KernelCase item, int calls, BenchDevice exact, BenchDevice fast, int threads, int repetitions)
    {
        OnnxModel? model = OnnxModel.Of(item);
        using OnnxPeer? peer = model is null ? null : new OnnxPeer(model, threads);
        peer?.Run();
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

        return new PeerRow(item, calls, Median(exacts), Median(fasts), peer is null ? null : Median(peers), Median(peaks));

        double Own(BenchDevice device)
        {
            KernelMeasurement measured = new KernelBench(device).Measure(item, 1);
            peaks.Add(measured.ArithmeticPeak ?? 0);
            return measured.Seconds!.Value.Median;
        }
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Case.Operation} {Case.Shape} x{Calls}: exact {Exact * 1e3:f1} ms ({Case.Flops / Exact / Peak:P0} of peak), default {Fast * 1e3:f1} ms, ONNX Runtime {Peer * 1e3:f1} ms");

    private static double Median(List<double> values) => values.Count == 0 ? 0 : Spread.Of(values).Median;
}
