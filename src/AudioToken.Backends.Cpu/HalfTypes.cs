using System.Numerics;
using System.Runtime.InteropServices;
using AudioToken.Tensors;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace AudioToken.Backends.Cpu;

/// <summary>Values in F16 and BF16.</summary>
internal static class HalfTypes
{
    /// <summary>Writes values in a half type.</summary>
    /// <returns>False where one of them is not finite or has no equal in the type: what was written is then of no use.</returns>
    public static bool TryNarrow(DType type, ReadOnlySpan<float> values, Span<ushort> narrow)
    {
        if (!TensorPrimitives.IsFiniteAll<float>(values))
            return false;
        if (type == DType.BF16)
            return TryCut(MemoryMarshal.Cast<float, uint>(values), narrow);
        Span<Half> halves = MemoryMarshal.Cast<ushort, Half>(narrow);
        TensorPrimitives.ConvertToHalf(values, halves);
        Span<float> again = stackalloc float[values.Length];
        TensorPrimitives.ConvertToSingle(halves, again);
        return MemoryMarshal.AsBytes(again).SequenceEqual(MemoryMarshal.AsBytes(values));
    }

    // A BF16 is the upper half of a binary32; of one that is, the lower half is zero.
    private static bool TryCut(ReadOnlySpan<uint> bits, Span<ushort> narrow)
    {
        Vector<uint> lost = Vector<uint>.Zero;
        uint rest = 0;
        int i = 0;
        for (; i <= bits.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Vector<uint> low = new(bits[i..]), high = new(bits[(i + Vector<uint>.Count)..]);
            Vector.Narrow(low >> 16, high >> 16).CopyTo(narrow[i..]);
            lost |= (low | high) & new Vector<uint>(0xFFFF);
        }

        for (; i < bits.Length; i++)
        {
            narrow[i] = (ushort)(bits[i] >> 16);
            rest |= bits[i] & 0xFFFF;
        }

        return rest == 0 && lost == Vector<uint>.Zero;
    }
}
