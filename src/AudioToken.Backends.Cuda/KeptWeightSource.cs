using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

/// <summary>A parameter's values on the host, as they rest on the device: for a form of it that is wanted when its file may be closed.</summary>
/// <param name="name">Full name in the checkpoint.</param>
/// <param name="shape">Extents as in the file.</param>
/// <param name="type">Element type: F32, F16 or BF16.</param>
/// <param name="values">Room for the elements, in the order of the file; stays the caller's to fill, and is empty where nothing will be read.</param>
internal sealed class KeptWeightSource(string name, Shape shape, DType type, byte[] values) : WeightSource(name, shape, type)
{
    /// <summary>The elements: floats, or the bits of a half type.</summary>
    public Span<T> Values<T>()
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(values.AsSpan());

    /// <inheritdoc/>
    public override void Read(long start, Span<float> destination)
    {
        if (DType == DType.F32)
            Part<float>(start, destination.Length).CopyTo(destination);
        else if (DType == DType.F16)
            TensorPrimitives.ConvertToSingle(Part<Half>(start, destination.Length), destination);
        else
            Widen(Part<ushort>(start, destination.Length), destination);
    }

    /// <inheritdoc/>
    public override bool TryReadHalves(long start, Span<ushort> destination)
    {
        if (DType == DType.F32)
            return false;
        Part<ushort>(start, destination.Length).CopyTo(destination);
        return true;
    }

    private Span<T> Part<T>(long start, int length)
        where T : unmanaged => Values<T>().Slice(checked((int)start), length);

    private static void Widen(ReadOnlySpan<ushort> bits, Span<float> to)
    {
        for (int i = 0; i < bits.Length; i++)
            to[i] = BitConverter.UInt32BitsToSingle((uint)bits[i] << 16);
    }
}
