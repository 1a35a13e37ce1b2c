using System.Runtime.CompilerServices;

namespace AudioToken.Backends.Cpu;

/// <summary>What is known of each query of a tile, [lanes] each.</summary>
/// <param name="start">Where they lie.</param>
/// <param name="lanes">Queries of a block.</param>
internal readonly unsafe struct AttentionLevels(float* start, int lanes)
{
    /// <summary>The highest score.</summary>
    public float* Highest { get; } = start;

    /// <summary>One over the sum of the powers.</summary>
    public float* Inverses { get; } = start + lanes;

    /// <summary>The sum of shares times slopes.</summary>
    public float* Along { get; } = start + 2 * lanes;

    /// <summary>Factor of the bias.</summary>
    public float* Gates { get; } = start + 3 * lanes;

    /// <summary>Gradient by that.</summary>
    public float* ByGate { get; } = start + 4 * lanes;
}

/// <summary>The passes of an attention's gradient over a tile of scores, [keys][lanes], a query a lane; a tile is one vector wide or two, its keys are even.</summary>
/// <remarks>Vectors are taken in pairs: those of a key, or, of a tile one vector wide, those of two keys that follow one another.</remarks>
internal static unsafe class AttentionGradientTile<TLanes, TVector>
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private const int KeyBlock = AttentionTiles.KeyBlock;

    private static int Pair => 2 * TLanes.Count;

    /// <summary>The highest score of each query.</summary>
    public static void Highest(float* scores, int keys, int vectors, float* highest)
    {
        TVector a = TLanes.Create(float.MinValue), b = a, c = a, d = a;
        float* end = scores + (long)keys * vectors * TLanes.Count;
        for (; end - scores >= 2 * Pair; scores += 2 * Pair)
        {
            a = TLanes.Max(a, TLanes.Load(scores));
            b = TLanes.Max(b, TLanes.Load(scores + TLanes.Count));
            c = TLanes.Max(c, TLanes.Load(scores + Pair));
            d = TLanes.Max(d, TLanes.Load(scores + Pair + TLanes.Count));
        }

        if (scores < end)
        {
            a = TLanes.Max(a, TLanes.Load(scores));
            b = TLanes.Max(b, TLanes.Load(scores + TLanes.Count));
        }

        a = TLanes.Max(a, c);
        b = TLanes.Max(b, d);
        TLanes.Store(vectors == 1 ? TLanes.Max(a, b) : a, highest);
        if (vectors == 2)
            TLanes.Store(b, highest + TLanes.Count);
    }

    /// <summary>Scores become powers of two relative to the highest; gives one over their sum, and the sum of shares times slopes.</summary>
    public static void Powers(float* scores, float* slopes, int keys, int vectors, AttentionLevels levels)
    {
        TVector zero = TLanes.Create(0), one = TLanes.Create(1), first = TLanes.Load(levels.Highest), second = vectors == 1 ? first : TLanes.Load(levels.Highest + TLanes.Count);
        TVector sum = zero, otherSum = zero, along = zero, otherAlong = zero;

        // Sums of blocks, so that of many keys none is long.
        float* end = scores + (long)keys * vectors * TLanes.Count;
        while (scores < end)
        {
            float* until = end - scores < KeyBlock * Pair ? end : scores + KeyBlock * Pair;
            TVector s = zero, t = zero, x = zero, y = zero;
            for (; scores < until; scores += Pair, slopes += Pair)
            {
                TVector p = VectorMath.Exp2<TLanes, TVector>(TLanes.Subtract(TLanes.Load(scores), first));
                TVector r = VectorMath.Exp2<TLanes, TVector>(TLanes.Subtract(TLanes.Load(scores + TLanes.Count), second));
                TLanes.Store(p, scores);
                TLanes.Store(r, scores + TLanes.Count);
                s = TLanes.Add(s, p);
                t = TLanes.Add(t, r);
                x = TLanes.MultiplyAdd(p, TLanes.Load(slopes), x);
                y = TLanes.MultiplyAdd(r, TLanes.Load(slopes + TLanes.Count), y);
            }

            (sum, otherSum, along, otherAlong) = (TLanes.Add(sum, s), TLanes.Add(otherSum, t), TLanes.Add(along, x), TLanes.Add(otherAlong, y));
        }

        if (vectors == 1)
            (sum, along) = (TLanes.Add(sum, otherSum), TLanes.Add(along, otherAlong));
        TVector inverse = TLanes.Divide(one, sum);
        TLanes.Store(inverse, levels.Inverses);
        TLanes.Store(TLanes.Multiply(along, inverse), levels.Along);
        if (vectors == 1)
            return;
        inverse = TLanes.Divide(one, otherSum);
        TLanes.Store(inverse, levels.Inverses + TLanes.Count);
        TLanes.Store(TLanes.Multiply(otherAlong, inverse), levels.Along + TLanes.Count);
    }

    /// <summary>Gradients by shares become those by scores.</summary>
    public static void Slopes(float* powers, float* slopes, int keys, int vectors, AttentionLevels levels)
    {
        int other = vectors == 1 ? 0 : TLanes.Count;
        TVector factor = TLanes.Load(levels.Inverses), level = TLanes.Load(levels.Along);
        TVector otherFactor = TLanes.Load(levels.Inverses + other), otherLevel = TLanes.Load(levels.Along + other);
        float* end = powers + (long)keys * vectors * TLanes.Count;
        for (; powers < end; powers += Pair, slopes += Pair)
        {
            TVector p = TLanes.Multiply(TLanes.Load(powers), factor), r = TLanes.Multiply(TLanes.Load(powers + TLanes.Count), otherFactor);
            TLanes.Store(TLanes.Multiply(p, TLanes.Subtract(TLanes.Load(slopes), level)), slopes);
            TLanes.Store(TLanes.Multiply(r, TLanes.Subtract(TLanes.Load(slopes + TLanes.Count), otherLevel)), slopes + TLanes.Count);
        }
    }

    /// <summary>scores += gate * bias, in the unit of the scores.</summary>
    public static void AddBias(float* scores, float* bias, int keys, int vectors, AttentionLevels levels)
    {
        int other = vectors == 1 ? 0 : TLanes.Count;
        TVector unit = TLanes.Create(AttentionTiles.ScoreUnit);
        TVector gate = TLanes.Multiply(unit, TLanes.Load(levels.Gates)), otherGate = TLanes.Multiply(unit, TLanes.Load(levels.Gates + other));
        float* end = scores + (long)keys * vectors * TLanes.Count;
        for (; scores < end; scores += Pair, bias += Pair)
        {
            Add(gate, bias, scores);
            Add(otherGate, bias + TLanes.Count, scores + TLanes.Count);
        }
    }

    /// <summary>Adds to the gradients by the bias, and sums those by the gates.</summary>
    public static void AddBiasSlopes(float* slopes, float* bias, float* byBias, int keys, int vectors, AttentionLevels levels)
    {
        int other = vectors == 1 ? 0 : TLanes.Count;
        TVector gate = TLanes.Load(levels.Gates), otherGate = TLanes.Load(levels.Gates + other), sum = TLanes.Create(0), otherSum = sum;
        float* end = slopes + (long)keys * vectors * TLanes.Count;
        for (; slopes < end; slopes += Pair, bias += Pair, byBias += Pair)
        {
            sum = TLanes.MultiplyAdd(TLanes.Load(slopes), TLanes.Load(bias), sum);
            otherSum = TLanes.MultiplyAdd(TLanes.Load(slopes + TLanes.Count), TLanes.Load(bias + TLanes.Count), otherSum);
            Add(gate, slopes, byBias);
            Add(otherGate, slopes + TLanes.Count, byBias + TLanes.Count);
        }

        TLanes.Store(vectors == 1 ? TLanes.Add(sum, otherSum) : sum, levels.ByGate);
        if (vectors == 2)
            TLanes.Store(otherSum, levels.ByGate + TLanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(TVector factor, float* from, float* to) => TLanes.Store(TLanes.MultiplyAdd(factor, TLanes.Load(from), TLanes.Load(to)), to);
}
