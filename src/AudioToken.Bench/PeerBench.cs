using System.Globalization;
using AudioToken.Bench.Cases;
using AudioToken.Tensors;

namespace AudioToken.Bench;

/// <summary>Times a peer as <see cref="KernelBench"/> times the device's own operations: same inputs, same turns, same clock.</summary>
/// <remarks>Of the library's ways of computing a product each is held to our result first, and the fastest is told.</remarks>
internal sealed class PeerBench(BenchDevice device, BenchPeer peer)
{
    /// <summary>Measures a case; null for one that the peer has not.</summary>
    /// <param name="item">The operation at its shape.</param>
    /// <param name="sets">The case on each set of inputs, at least one.</param>
    /// <param name="turns">Turns until the first set has its turn again, in one repetition.</param>
    /// <param name="repetitions">Of each way.</param>
    /// <param name="cancellation">Looked at between repetitions.</param>
    /// <exception cref="AudioTokenException">The peer's result is not ours (7901).</exception>
    public PeerMeasurement? Measure(KernelCase item, IReadOnlyList<CaseWork> sets, int turns, int repetitions, CancellationToken cancellation)
    {
        if (sets[0].Products.Length == 0)
            return null;
        IReadOnlyList<Func<Tensor>>[][] runs = [.. sets.Select(set => set.Products.Select(product => peer.Prepare(product.X, product.Weight, peer.PartOf(product.Epilogue))).ToArray())];
        for (int i = 0; i < runs[0].Length; i++)
        {
            if (device.HasTimes)
                Compare(item, sets[0].Products[i], runs[0][i]);
            else
                RunEach(runs[0][i]); // asked for, so that it is seen what the library refuses; what is counted only is not computed
        }

        Spread? best = null;
        for (int way = 0; device.HasTimes && way < runs[0][0].Count; way++)
        {
            Spread taken = Spread.Of(device.TimeTurns(repetitions, turns, turn => Run(runs[turn % runs.Length], way), cancellation));
            best = best is { } before && before.Median <= taken.Median ? before : taken;
        }

        return new PeerMeasurement(best, Does(sets[0].Products));
    }

    private static void Run(IReadOnlyList<Func<Tensor>>[] products, int way)
    {
        foreach (IReadOnlyList<Func<Tensor>> product in products)
            product[way]();
    }

    private void RunEach(IReadOnlyList<Func<Tensor>> ways)
    {
        using TensorScope scope = device.Ops.Scope();
        foreach (Func<Tensor> way in ways)
            way();
    }

    private void Compare(KernelCase item, CaseProduct product, IReadOnlyList<Func<Tensor>> ways)
    {
        Epilogue part = peer.PartOf(product.Epilogue);
        using TensorScope scope = device.Ops.Scope();
        float[] ours = Values(product.Run(part));
        double bound = Bound(product, part, Math.Sqrt(ours.Average(value => (double)value * value)));
        foreach (Func<Tensor> way in ways)
        {
            using TensorScope each = device.Ops.Scope();
            double difference = StageMeasurement.Difference(Values(way()), ours);
            if (!(difference <= bound))
            {
                throw new AudioTokenException(
                    BenchErrors.Peer,
                    string.Create(CultureInfo.InvariantCulture, $"{item.Operation} {item.Shape}: the result of {peer.Name} {peer.Version} differs from ours by {difference:0.0e+0} of its root mean square, wanted at most {bound:0.0e+0}"),
                    "measure without --peer, and please report it");
            }
        }
    }

    // Relative root mean square of the difference. Both results are rounded once to the storage type, the peer's bias too, whose root mean
    // square is not above the result's: u each. Each of K additions in fp32 rounds or cuts off at most 2^-23 of a partial sum, whose root mean
    // square is not above the whole sum's for inputs of mean zero: K 2^-23 on both sides. An activation has slopes up to 1.13 and
    // leaves at least half of the root mean square, and the peer may have another form of it.
    private double Bound(CaseProduct product, in Epilogue part, double magnitude)
    {
        double roundoff = Math.Pow(2, device.Storage switch { DType.F16 => -11, DType.BF16 => -8, _ => -24 });
        double sums = 2 * product.X.Shape[^1] * Math.Pow(2, -23) + (part.Bias is null ? 0 : roundoff);
        double activation = part.Activation == Activation.None ? 1 : 1.13 / 0.5;
        return 2 * roundoff + activation * sums + (peer.FormOf(part.Activation)?.Error ?? 0) / magnitude;
    }

    private float[] Values(Tensor tensor)
    {
        float[] values = new float[tensor.Shape.Count];
        device.Ops.Download(tensor, values);
        return values;
    }

    // E.g. "product, bias; not geglu".
    private string Does(CaseProduct[] products)
    {
        CaseEpilogue whole = CaseEpilogue.Of(products[0].Epilogue), part = CaseEpilogue.Of(peer.PartOf(products[0].Epilogue));
        string? form = peer.FormOf(part.Activation)?.Name;
        string[] does = [products.Length == 1 ? "product" : $"{products.Length} products", .. part.Bias ? ["bias"] : (string[])[], .. part.Words];
        string[] lacks = [.. whole.Words.Except(part.Words)];
        if (form is not null)
            does[Array.IndexOf(does, CaseEpilogue.WordOf(part.Activation))] = form;
        return string.Join(", ", does) + (lacks.Length == 0 ? "" : "; not " + string.Join(", ", lacks));
    }
}
