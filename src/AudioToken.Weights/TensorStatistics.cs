using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>What a look at every value of a tensor tells: range, and whether all are finite.</summary>
/// <param name="Count">Values.</param>
/// <param name="NonFinite">How many of them are NaN or infinite.</param>
/// <param name="FirstNonFinite">Flat index of the first of those; -1 if there is none.</param>
/// <param name="Min">Smallest finite value; +infinity if there is none.</param>
/// <param name="Max">Largest finite value; -infinity if there is none.</param>
public readonly record struct TensorStatistics(long Count, long NonFinite, long FirstNonFinite, float Min, float Max)
{
    private const int Piece = 64 << 10;

    /// <summary>Looks through one tensor of a file by a memory map, a page at a time: made for files larger than memory.</summary>
    /// <exception cref="WeightFileException">The type is not read here, or the file shrank.</exception>
    public static TensorStatistics Of(SafetensorsFile file, string name)
    {
        ArgumentNullException.ThrowIfNull(file);
        WeightSource source = file.Find(name) ?? throw new KeyNotFoundException($"{file.Description} has no '{name}'.");
        using MappedTensor map = file.Map(name);
        int size = source.DType.Size();
        float[] widened = source.DType == DType.F32 ? [] : new float[(int)Math.Min(Piece, source.Shape.Count)];
        TensorStatistics statistics = Empty;
        for (long done = 0; done < source.Shape.Count; done += Piece)
        {
            int length = (int)Math.Min(Piece, source.Shape.Count - done);
            ReadOnlySpan<byte> stored = map.Slice(done * size, length * size);
            if (source.DType == DType.F32)
            {
                statistics = statistics.With(MemoryMarshal.Cast<byte, float>(stored));
                continue;
            }

            if (widened.Length < length)
                widened = new float[length];
            ElementConversion.ToSingle(source.DType, stored, widened.AsSpan(0, length));
            statistics = statistics.With(widened.AsSpan(0, length));
        }

        return statistics;
    }

    /// <summary>Looks through any parameter.</summary>
    public static TensorStatistics Of(WeightSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        float[] values = new float[(int)Math.Min(Piece, source.Shape.Count)];
        TensorStatistics statistics = Empty;
        for (long done = 0; done < source.Shape.Count; done += Piece)
        {
            Span<float> part = values.AsSpan(0, (int)Math.Min(Piece, source.Shape.Count - done));
            source.Read(done, part);
            statistics = statistics.With(part);
        }

        return statistics;
    }

    private static TensorStatistics Empty => new(0, 0, -1, float.PositiveInfinity, float.NegativeInfinity);

    private TensorStatistics With(ReadOnlySpan<float> values)
    {
        if (values.IsEmpty)
            return this;
        if (TensorPrimitives.IsFiniteAll(values))
        {
            return this with
            {
                Count = Count + values.Length,
                Min = Math.Min(Min, TensorPrimitives.Min(values)),
                Max = Math.Max(Max, TensorPrimitives.Max(values)),
            };
        }

        (long nonFinite, long first, float min, float max) = (NonFinite, FirstNonFinite, Min, Max);
        for (int i = 0; i < values.Length; i++)
        {
            if (float.IsFinite(values[i]))
            {
                (min, max) = (Math.Min(min, values[i]), Math.Max(max, values[i]));
                continue;
            }

            nonFinite++;
            if (first < 0)
                first = Count + i;
        }

        return new TensorStatistics(Count + values.Length, nonFinite, first, min, max);
    }
}
