using AudioToken.Tensors;
using Xunit;

namespace AudioToken.Testing;

/// <summary>One computation that a backend and the float64 reference do alike, on the same draws.</summary>
/// <param name="Name">Says what is special about it.</param>
/// <param name="Tolerance">Largest absolute difference allowed, derived.</param>
/// <param name="Run">The computation.</param>
public sealed record OpCase(string Name, double Tolerance, Func<ITensorOps, Draw, Tensor> Run)
{
    /// <summary>Holds one case of a list on one backend to the reference.</summary>
    public static void Check(IEnumerable<OpCase> cases, string backend, string name)
    {
        using ITensorOps ops = BackendData.Open(backend);
        cases.Single(one => one.Name == name).Check(ops, BackendData.StorageOf(backend));
    }

    /// <summary>Holds a backend to the reference.</summary>
    /// <param name="ops">The backend.</param>
    /// <param name="storage">The type in which it stores results. Of a half type, both get operands that it holds, and the result may be
    /// off by twice the error of storing the largest value.</param>
    public void Check(ITensorOps ops, DType storage = DType.F32)
    {
        using ReferenceOps reference = new();
        bool half = storage != DType.F32;
        (Shape wanted, float[] expected) = Compute(half ? new RoundedOps(reference, storage) : reference);
        (Shape found, float[] actual) = Compute(half ? new RoundedOps(ops, storage) : ops);
        Assert.Equal(wanted, found);
        double stored = 2 * RoundedOps.Roundoff(storage) * (expected.Length == 0 ? 0 : expected.Max(Math.Abs));
        TensorAssert.MaxAbs(expected, actual, Tolerance + stored, $"{Name} on {ops.Device}, {storage}");
    }

    /// <summary>Shape and values of the result.</summary>
    public (Shape Shape, float[] Values) Compute(ITensorOps ops)
    {
        using TensorScope scope = ops.Scope();
        Tensor result = Run(ops, new Draw((ulong)Name.Length + Name.Aggregate(0UL, (hash, letter) => (hash * 31) + letter)));
        return (result.Shape, ops.Values(result));
    }
}

/// <summary>Short forms for tests.</summary>
public static class OpsExtensions
{
    /// <summary>A tensor of normally distributed values.</summary>
    public static Tensor Normal(this ITensorOps ops, Draw draw, Shape shape, double mean = 0, double deviation = 1) =>
        ops.Upload(draw.Normal(shape, mean, deviation), shape);

    /// <summary>A weight of normally distributed values.</summary>
    public static Weight Weight(this ITensorOps ops, Draw draw, WeightRole role, Shape shape, double mean = 0, double deviation = 1) =>
        ops.LoadWeight(draw.Weight(role.ToString(), shape, mean, deviation), role);
}
