using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>A parameter whose bytes can also be had as they are stored, so that it can be copied without a change.</summary>
public abstract class StoredWeightSource : WeightSource
{
    /// <summary>Describes one tensor.</summary>
    protected StoredWeightSource(string name, Shape shape, DType dtype)
        : base(name, shape, dtype)
    {
    }

    /// <summary>Reads stored bytes (row-major, little-endian) from byte <paramref name="start"/> of the tensor on.</summary>
    /// <exception cref="AudioTokenException">The file is shorter than it was.</exception>
    public abstract void ReadBytes(long start, Span<byte> destination);

    /// <summary>Throws if elements <paramref name="start"/> to <paramref name="start"/> + <paramref name="count"/> do not lie in the tensor.</summary>
    protected void RequireRange(long start, long count)
    {
        if (start < 0 || start > Shape.Count - count)
            throw new ArgumentOutOfRangeException(nameof(start), $"{Name}: elements {start} to {start + count} of {Shape} do not exist.");
    }
}
