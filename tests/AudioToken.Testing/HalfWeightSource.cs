using AudioToken.Tensors;

namespace AudioToken.Testing;

/// <summary>Values in memory as a file of a half type gives them.</summary>
/// <param name="name">Full name.</param>
/// <param name="shape">Extents.</param>
/// <param name="type">F16 or BF16.</param>
/// <param name="values">What <see cref="Read"/> gives; values that the type does not hold are the caller's lie.</param>
public sealed class HalfWeightSource(string name, Shape shape, DType type, float[] values) : WeightSource(name, shape, type)
{
    /// <inheritdoc/>
    public override void Read(long start, Span<float> destination) => values.AsSpan((int)start, destination.Length).CopyTo(destination);

    /// <summary>A source of the given type that holds the nearest values to those given; for F32 the values themselves.</summary>
    public static WeightSource Rounded(string name, Shape shape, DType type, float[] values) =>
        type == DType.F32 ? new ArrayWeightSource(name, shape, values) : new HalfWeightSource(name, shape, type, RoundedOps.Round(values, type));
}
