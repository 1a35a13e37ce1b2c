using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests;

/// <summary>A backend of half precision that is widened computes as one of fp32 does on the same weights, to the bit.</summary>
public sealed class WidenTests
{
    [Theory]
    [InlineData("cuda f16")]
    [InlineData("cuda bf16")]
    public void Widened_IsTheBackendOfFp32(string backend)
    {
        using ITensorOps half = BackendData.Open(backend), full = BackendData.Open("cuda");
        DType storage = BackendData.StorageOf(backend);
        using (IDisposable? widened = half.Widen())
        {
            Assert.NotNull(widened);
            Assert.Equal(Compute(full, storage), Compute(half, storage));
        }

        // As before, once it is over.
        using TensorScope scope = half.Scope();
        using Weight weight = half.Weight(new Draw(2), WeightRole.Linear, [5, 7]);
        Assert.Equal(storage, half.Linear(half.Normal(new Draw(3), [2, 7]), weight, default).DType);
        Assert.Null(full.Widen());
        Assert.Throws<InvalidOperationException>(() => half.Repeat(_ => half.Widen()));
    }

    // Every role of a weight; rows that are padded, and such that are not.
    private static List<float[]> Compute(ITensorOps inner, DType storage)
    {
        RoundedOps ops = new(inner, storage);
        Draw draw = new(1);
        using TensorScope scope = ops.Scope();
        using Weight vector = ops.Weight(draw, WeightRole.Vector, [16]), linear = ops.Weight(draw, WeightRole.Linear, [16, 36]), second = ops.Weight(draw, WeightRole.Linear, [16, 36]);
        using Weight back = ops.Weight(draw, WeightRole.Linear, [9, 16]);
        LinearChain chain = new(new(linear, vector), new(back, null));
        ops.Prepare(chain);
        using Weight odd = ops.Weight(draw, WeightRole.Conv2d, [9, 3, 3, 3]), even = ops.Weight(draw, WeightRole.Conv2d, [16, 16, 3, 3]);
        using Weight doubling = ops.Weight(draw, WeightRole.DoublingConv2d, [5, 16, 3, 3]), square = ops.Weight(draw, WeightRole.Conv2d, [16, 16, 1, 1]);
        using Weight grouped = ops.Weight(draw, WeightRole.GroupedConv1d, [16, 4, 5]), table = ops.Weight(draw, WeightRole.Table, [10, 16]);
        Tensor sequence = ops.Normal(draw, [2, 7, 36]), map = ops.Normal(draw, [1, 5, 6, 16]);
        Tensor[] projected = new Tensor[2];
        inner.Project(sequence, [new(linear, vector), new(second, null)], projected);
        Tensor hidden = ops.Linear(sequence, linear, new Epilogue(vector));
        Tensor[] results =
        [
            hidden,
            .. projected,
            ops.LinearChain(sequence, chain, hidden, default),
            ops.Conv2d(ops.Normal(draw, [2, 5, 4, 3]), odd, new ConvGeometry(1, 1), default),
            ops.Conv2d(map, even, new ConvGeometry(1, 1), new Epilogue(vector) { Residual = map, Activation = Activation.Silu }),
            ops.Conv2dWithShortcut(map, even, new ConvGeometry(1, 1), new Epilogue(vector), new Shortcut(map, square, vector)),
            ops.Conv2d(map, doubling, new ConvGeometry(1, 1) with { UpsampleHeight = 10, UpsampleWidth = 12 }, default),
            ops.Conv2d(map, doubling, new ConvGeometry(1, 1) with { UpsampleHeight = 9, UpsampleWidth = 12 }, default),
            ops.GroupedConv1d(hidden, grouped, 4, 2, default),
            ops.TokenEmbedding(ops.Upload([3, 0, 9, 4], [2, 2]), table, table, -1, default),
            ops.RelativePositionBias(table, ops.Upload([0, 4, 9, 1, 2], [5])),
            ops.GroupNorm(map, vector, vector, 4, 1e-5f, Activation.Silu),
            ops.LayerNorm(hidden, vector, vector, 1e-5f),
            ops.Attention(hidden, hidden, hidden, new() { Heads = 2, Scale = 0.5f }),
            ops.WeightedSum([new(hidden, 2)]),
        ];
        Assert.All(results, result => Assert.Equal(DType.F32, result.DType));
        return [.. results.Select(inner.Values)];
    }
}
