using System.Numerics;
using System.Numerics.Tensors;
using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>A parameter that refuses to hand out NaN or infinity.</summary>
/// <remarks>One such value would make the whole picture NaN, fifty steps later and with no trace of where it came from.</remarks>
internal sealed class FiniteWeightSource(WeightSource inner, string checkpoint) : WeightSource(inner.Name, inner.Shape, inner.DType)
{
    public override void Read(long start, Span<float> destination)
    {
        inner.Read(start, destination);
        if (destination.IsEmpty || TensorPrimitives.IsFiniteAll<float>(destination))
            return;
        int first = -1, count = 0;
        for (int i = 0; i < destination.Length; i++)
        {
            if (float.IsFinite(destination[i]))
                continue;
            count++;
            if (first < 0)
                first = i;
        }

        throw Refuse(checkpoint, Name, start + first, destination[first], FormattableString.Invariant($"{count} of the {destination.Length} values read so far are not finite"));
    }

    public override bool TryReadHalves(long start, Span<ushort> destination)
    {
        if (!inner.TryReadHalves(start, destination))
            return false;
        if (!AreFinite(destination, DType == DType.F16 ? (ushort)0x7C00 : (ushort)0x7F80))
            Read(start, new float[destination.Length]); // tells which one is not
        return true;
    }

    // NaN and infinity are what has every bit of the exponent set.
    private static bool AreFinite(ReadOnlySpan<ushort> bits, ushort exponent)
    {
        Vector<ushort> all = new(exponent), met = Vector<ushort>.Zero;
        int i = 0;
        for (; i <= bits.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
            met |= Vector.Equals(new Vector<ushort>(bits[i..]) & all, all);
        bool finite = met == Vector<ushort>.Zero;
        for (; i < bits.Length; i++)
            finite &= (bits[i] & exponent) != exponent;
        return finite;
    }

    public static WeightFileException Refuse(string checkpoint, string name, long index, float value, string count) => new(ErrorCode.NonFinite, checkpoint,
        FormattableString.Invariant($"tensor {WeightFileException.Quote(name)} holds {(float.IsNaN(value) ? "NaN" : "infinity")} at index {index}; {count}."),
        "A checkpoint damaged in training or in its conversion to half precision: take another one.");
}
