using System.Runtime.CompilerServices;

namespace AudioToken.Backends.Cpu;

/// <summary>What is known of each query of a tile, [lanes] each.</summary>
/// <param name="start">Where they lie.</param>
/// <param name="lanes">Queries of a block.</param>
internal readonly unsafe struct AttentionLevels(float* start, int lanes)
{
    /// <summary>How many there are.</summary>
    public const int Count = 5;

    /// <summary>The highest score of the keys so far.</summary>
    public float* Highest { get; } = start;

    /// <summary>The sum of their powers.</summary>
    public float* Sums { get; } = start + lanes;

    /// <summary>The sum of their powers times slopes.</summary>
    public float* Along { get; } = start + 2 * lanes;

    /// <summary>Factor of the bias.</summary>
    public float* Gates { get; } = start + 3 * lanes;

    /// <summary>Gradient by that.</summary>
    public float* ByGate { get; } = start + 4 * lanes;

    /// <summary>Before the first key. Lanes without a query have gate 0.</summary>
    public void Clear()
    {
        new Span<float>(Highest, Count * lanes).Clear();
        new Span<float>(Highest, lanes).Fill(float.MinValue);
    }
}

/// <summary>The passes of an attention's gradient over a tile of scores, [keys][lanes], a query a lane; a tile is one vector wide or two, its keys are even.</summary>
/// <remarks>Vectors are taken in pairs: those of a key, or, of a tile one vector wide, those of two keys that follow one another.</remarks>
internal static unsafe class AttentionGradientTile<TLanes, TVector>
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private static int Pair => 2 * TLanes.Count;

    /// <summary>The highest score of each query.</summary>
    public static void Highest(float* scores, int keys, int vectors, AttentionLevels levels)
    {
        int other = vectors == 1 ? 0 : TLanes.Count;
        TVector a = TLanes.Load(levels.Highest), b = TLanes.Load(levels.Highest + other), c = a, d = b;
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
        TLanes.Store(vectors == 1 ? TLanes.Max(a, b) : a, levels.Highest);
        if (vectors == 2)
            TLanes.Store(b, levels.Highest + TLanes.Count);
    }

    /// <summary>Scores become powers of two relative to the highest; adds up the powers, and their products with the slopes.</summary>
    public static void Powers(float* scores, float* slopes, int keys, int vectors, AttentionLevels levels)
    {
        TVector highest = TLanes.Load(levels.Highest), otherHighest = vectors == 1 ? highest : TLanes.Load(levels.Highest + TLanes.Count);
        TVector sum = TLanes.Create(0), otherSum = sum, along = sum, otherAlong = sum;
        float* end = scores + (long)keys * vectors * TLanes.Count;
        for (; scores < end; scores += Pair, slopes += Pair)
        {
            TVector p = VectorMath.Exp2<TLanes, TVector>(TLanes.Subtract(TLanes.Load(scores), highest));
            TVector r = VectorMath.Exp2<TLanes, TVector>(TLanes.Subtract(TLanes.Load(scores + TLanes.Count), otherHighest));
            TLanes.Store(p, scores);
            TLanes.Store(r, scores + TLanes.Count);
            sum = TLanes.Add(sum, p);
            otherSum = TLanes.Add(otherSum, r);
            along = TLanes.MultiplyAdd(p, TLanes.Load(slopes), along);
            otherAlong = TLanes.MultiplyAdd(r, TLanes.Load(slopes + TLanes.Count), otherAlong);
        }

        AddTo(levels.Sums, sum, otherSum, vectors);
        AddTo(levels.Along, along, otherAlong, vectors);
    }

    /// <summary>After the last key: sums become one over them, and the sum of powers times slopes that of shares.</summary>
    public static void Finish(int vectors, AttentionLevels levels)
    {
        for (int lane = 0; lane < vectors * TLanes.Count; lane += TLanes.Count)
        {
            TVector inverse = TLanes.Divide(TLanes.Create(1), TLanes.Load(levels.Sums + lane));
            TLanes.Store(inverse, levels.Sums + lane);
            TLanes.Store(TLanes.Multiply(TLanes.Load(levels.Along + lane), inverse), levels.Along + lane);
        }
    }

    /// <summary>Gradients by shares become those by scores.</summary>
    public static void Slopes(float* powers, float* slopes, int keys, int vectors, AttentionLevels levels)
    {
        int other = vectors == 1 ? 0 : TLanes.Count;
        TVector factor = TLanes.Load(levels.Sums), level = TLanes.Load(levels.Along);
        TVector otherFactor = TLanes.Load(levels.Sums + other), otherLevel = TLanes.Load(levels.Along + other);
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

        AddTo(levels.ByGate, sum, otherSum, vectors);
    }

    private static void AddTo(float* sums, TVector first, TVector second, int vectors)
    {
        TLanes.Store(TLanes.Add(TLanes.Load(sums), vectors == 1 ? TLanes.Add(first, second) : first), sums);
        if (vectors == 2)
            TLanes.Store(TLanes.Add(TLanes.Load(sums + TLanes.Count), second), sums + TLanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(TVector factor, float* from, float* to) => TLanes.Store(TLanes.MultiplyAdd(factor, TLanes.Load(from), TLanes.Load(to)), to);
}
