using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.WeightsConverter.Layouts;

/// <summary>Consecutive elements of a parameter under another name and shape: a reshape, or some rows of a packed matrix.</summary>
/// <remarks>Bytes stay as they are stored. Elements are row-major, so rows [r, r + n) of [R, C] are the elements from r · C on.</remarks>
internal static class ReshapedSource
{
    /// <summary>Looks at <c>shape.Count</c> elements from <paramref name="start"/> on.</summary>
    public static WeightSource Of(WeightSource inner, string name, Shape shape, long start = 0) => inner is StoredWeightSource stored
        ? new StoredPart(stored, name, shape, start)
        : new Part(inner, name, shape, start);

    private sealed class Part(WeightSource inner, string name, Shape shape, long start) : WeightSource(name, shape, inner.DType)
    {
        public override void Read(long from, Span<float> destination) => inner.Read(start + from, destination);
    }

    private sealed class StoredPart(StoredWeightSource inner, string name, Shape shape, long start) : StoredWeightSource(name, shape, inner.DType)
    {
        public override void Read(long from, Span<float> destination)
        {
            RequireRange(from, destination.Length);
            inner.Read(start + from, destination);
        }

        public override void ReadBytes(long from, Span<byte> destination)
        {
            RequireBytes(from, destination.Length);
            inner.ReadBytes(start * DType.Size() + from, destination);
        }
    }
}
