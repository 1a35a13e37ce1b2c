using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests;

/// <summary>Weights that lie in a file in half precision give the bits of the same values in fp32, whichever way they take.</summary>
public sealed class StoredWeightTests
{
    // Every file's type on every backend: rows that are as long on a device, and rows that are filled up there.
    public static TheoryData<string, string> Cases => BackendData.With(["F16", "BF16"]);

    [Theory, MemberData(nameof(Cases))]
    public void Halves_GiveTheBitsOfTheirValues(string backend, string type)
    {
        DType stored = Enum.Parse<DType>(type);
        using ITensorOps ops = BackendData.Open(backend);
        foreach ((WeightRole role, Shape shape) in new (WeightRole, Shape)[]
        {
            (WeightRole.Linear, [24, 40]), (WeightRole.Linear, [5, 13]), (WeightRole.Conv2d, [16, 8, 3, 3]), (WeightRole.Conv2d, [3, 5, 1, 3]), (WeightRole.DoublingConv2d, [5, 7, 3, 3]),
            (WeightRole.GroupedConv1d, [16, 8, 5]), (WeightRole.Table, [7, 9]), (WeightRole.Vector, [11]),
        })
        {
            float[] values = RoundedOps.Round(new Draw((ulong)shape.Rank).Normal(shape), stored);
            StoredHalvesSource source = new("w", shape, stored, values);
            Assert.Equal(Result(ops, new ArrayWeightSource("w", shape, values), role), Result(ops, source, role));
            bool asStored = stored == BackendData.StorageOf(backend) && role is not (WeightRole.Vector or WeightRole.DoublingConv2d); // the latter's sums are fp32's
            if (backend.StartsWith("cuda", StringComparison.Ordinal))
                Assert.Equal(asStored ? shape.Count : 0, source.Halves);
        }
    }

    // What an operation of the role makes of the weight.
    private static float[] Result(ITensorOps ops, WeightSource source, WeightRole role)
    {
        Shape shape = source.Shape;
        using Weight weight = ops.LoadWeight(source, role);
        using TensorScope scope = ops.Scope();
        Tensor Input(params ReadOnlySpan<int> extents) => ops.Upload(new Draw(99).Normal(new Shape(extents)), new Shape(extents));
        return ops.Values(role switch
        {
            WeightRole.Linear => ops.Linear(Input(3, shape[1]), weight, default),
            WeightRole.Conv2d => ops.Conv2d(Input(1, 6, 7, shape[1]), weight, new ConvGeometry(stride: 1, padding: 0), default),
            WeightRole.DoublingConv2d => ops.Conv2d(Input(1, 4, 5, shape[1]), weight, new ConvGeometry(stride: 1, padding: 1) { UpsampleHeight = 8, UpsampleWidth = 10 }, default),
            WeightRole.GroupedConv1d => ops.GroupedConv1d(Input(1, 9, shape[0]), weight, shape[0] / shape[1], 2, default),
            WeightRole.Table => ops.TokenEmbedding(ops.Upload([6, 0, 3], [1, 3]), weight, weight, -1, default),
            _ => ops.LayerNorm(Input(2, shape[0]), weight, weight, 1e-5f),
        });
    }
}
