using AudioToken.Tensors;

namespace AudioToken.Testing;

/// <summary>Values as a file of a half type gives them, also as they are stored.</summary>
/// <param name="name">Full name.</param>
/// <param name="shape">Extents.</param>
/// <param name="type">F16 or BF16.</param>
/// <param name="values">What the type holds.</param>
public sealed class StoredHalvesSource(string name, Shape shape, DType type, float[] values) : WeightSource(name, shape, type)
{
    private long _halves;

    /// <summary>Elements that were read as they are stored.</summary>
    public long Halves => _halves;

    /// <inheritdoc/>
    public override void Read(long start, Span<float> destination) => values.AsSpan((int)start, destination.Length).CopyTo(destination);

    /// <inheritdoc/>
    public override bool TryReadHalves(long start, Span<ushort> destination)
    {
        for (int i = 0; i < destination.Length; i++)
        {
            float value = values[start + i];
            destination[i] = DType == DType.F16 ? BitConverter.HalfToUInt16Bits((Half)value) : (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16);
        }

        Interlocked.Add(ref _halves, destination.Length);
        return true;
    }
}
