using System.Buffers;
using System.Runtime.InteropServices;
using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>A parameter whose bytes can also be had as they are stored, so that it can be copied without a change.</summary>
public abstract class StoredWeightSource : WeightSource
{
    private const int StagingBytes = 256 << 10;

    /// <summary>Describes one tensor.</summary>
    protected StoredWeightSource(string name, Shape shape, DType dtype)
        : base(name, shape, dtype)
    {
    }

    /// <summary>Reads stored bytes (row-major, little-endian) from byte <paramref name="start"/> of the tensor on.</summary>
    /// <exception cref="AudioTokenException">The file is shorter than it was.</exception>
    public abstract void ReadBytes(long start, Span<byte> destination);

    /// <inheritdoc/>
    public override void Read(long start, Span<float> destination)
    {
        RequireRange(start, destination.Length);
        int size = DType.Size();
        if (DType == DType.F32)
        {
            // Straight into place, in pieces whose byte count fits a span.
            const int piece = 64 << 20;
            for (int done = 0; done < destination.Length; done += piece)
            {
                Span<float> part = destination.Slice(done, Math.Min(piece, destination.Length - done));
                ReadBytes((start + done) * size, MemoryMarshal.AsBytes(part));
            }

            return;
        }

        byte[] staging = ArrayPool<byte>.Shared.Rent((int)Math.Min(StagingBytes, (long)destination.Length * size));
        try
        {
            int piece = staging.Length / size;
            for (int done = 0; done < destination.Length; done += piece)
            {
                Span<float> part = destination.Slice(done, Math.Min(piece, destination.Length - done));
                Span<byte> stored = staging.AsSpan(0, part.Length * size);
                ReadBytes((start + done) * size, stored);
                ElementConversion.ToSingle(DType, stored, part);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(staging);
        }
    }

    /// <inheritdoc/>
    public override bool TryReadHalves(long start, Span<ushort> destination)
    {
        if (DType is not (DType.F16 or DType.BF16))
            return false;
        RequireRange(start, destination.Length);
        ReadBytes(start * sizeof(ushort), MemoryMarshal.AsBytes(destination));
        return true;
    }

    /// <summary>Throws if elements <paramref name="start"/> to <paramref name="start"/> + <paramref name="count"/> do not lie in the tensor.</summary>
    protected void RequireRange(long start, long count)
    {
        if (start < 0 || start > Shape.Count - count)
            throw new ArgumentOutOfRangeException(nameof(start), $"{Name}: elements {start} to {start + count} of {Shape} do not exist.");
    }

    /// <summary>Throws if bytes <paramref name="start"/> to <paramref name="start"/> + <paramref name="count"/> do not lie in the tensor.</summary>
    protected void RequireBytes(long start, long count)
    {
        long length = Shape.Count * DType.Size();
        if (start < 0 || start > length - count)
            throw new ArgumentOutOfRangeException(nameof(start), $"{Name}: bytes {start} to {start + count} of {length} do not exist.");
    }
}
