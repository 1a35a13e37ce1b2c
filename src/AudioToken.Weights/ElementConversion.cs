using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>Stored elements to float and back, a vector at a time.</summary>
internal static class ElementConversion
{
    /// <summary>Widens (F64 and wide integers: rounds to nearest) stored elements to float.</summary>
    public static void ToSingle(DType dtype, ReadOnlySpan<byte> stored, Span<float> destination)
    {
        switch (dtype)
        {
            case DType.F32:
                stored.CopyTo(MemoryMarshal.AsBytes(destination));
                break;
            case DType.F16:
                TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(stored), destination);
                break;
            case DType.BF16:
                WidenBFloat16(MemoryMarshal.Cast<byte, ushort>(stored), MemoryMarshal.Cast<float, uint>(destination));
                break;
            case DType.F64:
                Convert<double>(stored, destination);
                break;
            case DType.I64:
                Convert<long>(stored, destination);
                break;
            case DType.I32:
                Convert<int>(stored, destination);
                break;
            case DType.I16:
                Convert<short>(stored, destination);
                break;
            case DType.I8:
                Convert<sbyte>(stored, destination);
                break;
            case DType.U64:
                Convert<ulong>(stored, destination);
                break;
            case DType.U32:
                Convert<uint>(stored, destination);
                break;
            case DType.U16:
                Convert<ushort>(stored, destination);
                break;
            case DType.U8 or DType.Bool:
                Convert<byte>(stored, destination);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "Not an element type.");
        }
    }

    /// <summary>Rounds floats to F32, F16 or BF16, to nearest with ties to even; what is too large becomes infinite.</summary>
    public static void FromSingle(DType dtype, ReadOnlySpan<float> values, Span<byte> destination)
    {
        switch (dtype)
        {
            case DType.F32:
                MemoryMarshal.AsBytes(values).CopyTo(destination);
                break;
            case DType.F16:
                TensorPrimitives.ConvertToHalf(values, MemoryMarshal.Cast<byte, Half>(destination));
                break;
            case DType.BF16:
                NarrowBFloat16(MemoryMarshal.Cast<float, uint>(values), MemoryMarshal.Cast<byte, ushort>(destination));
                break;
            default:
                throw new NotSupportedException($"Floats are written as F32, F16 or BF16, not {dtype}.");
        }
    }

    private static void Convert<T>(ReadOnlySpan<byte> stored, Span<float> destination)
        where T : unmanaged, INumberBase<T> =>
        TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, T>(stored), destination);

    // A BF16 is the upper half of a binary32.
    private static void WidenBFloat16(ReadOnlySpan<ushort> source, Span<uint> destination)
    {
        int i = 0;
        for (; i <= source.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Vector.Widen(new Vector<ushort>(source[i..]), out Vector<uint> low, out Vector<uint> high);
            (low << 16).CopyTo(destination[i..]);
            (high << 16).CopyTo(destination[(i + Vector<uint>.Count)..]);
        }

        for (; i < source.Length; i++)
            destination[i] = (uint)source[i] << 16;
    }

    private static void NarrowBFloat16(ReadOnlySpan<uint> source, Span<ushort> destination)
    {
        int i = 0;
        for (; i <= source.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Vector<uint> low = Round(new Vector<uint>(source[i..]));
            Vector<uint> high = Round(new Vector<uint>(source[(i + Vector<uint>.Count)..]));
            Vector.Narrow(low, high).CopyTo(destination[i..]);
        }

        for (; i < source.Length; i++)
        {
            uint bits = source[i];
            bool nan = (bits & 0x7FFF_FFFF) > 0x7F80_0000;
            destination[i] = (ushort)((nan ? bits | 0x0040_0000 : bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
        }

        // Half of the last kept bit, less one if that bit is even, carries exactly where rounding to nearest even goes up; a NaN must
        // not be carried into infinity and stays quiet instead.
        static Vector<uint> Round(Vector<uint> bits)
        {
            Vector<uint> nan = Vector.GreaterThan(bits & new Vector<uint>(0x7FFF_FFFF), new Vector<uint>(0x7F80_0000));
            Vector<uint> rounded = bits + new Vector<uint>(0x7FFF) + ((bits >> 16) & Vector<uint>.One);
            return Vector.ConditionalSelect(nan, bits | new Vector<uint>(0x0040_0000), rounded) >> 16;
        }
    }
}
