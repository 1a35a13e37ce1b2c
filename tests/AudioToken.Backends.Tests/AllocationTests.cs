using AudioToken.Backends.Cpu;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests;

public sealed class AllocationTests
{
    [Fact]
    public void Operations_AllocateNothingOnceWarm()
    {
        using CpuOps ops = new(new CpuOptions { Threads = 2 });
        using TensorScope outer = ops.Scope();
        Draw draw = new(1);
        Tensor q = ops.Normal(draw, [2, 60, 32]), bias = ops.Normal(draw, [4, 60, 60]), gate = ops.Normal(draw, [2, 60, 4]), scores = ops.Normal(draw, [2, 60, 1]);
        Tensor ids = ops.Upload(draw.Integers(20, 0, 9), [2, 10]), buckets = ops.Upload(draw.Integers(19, 0, 9), [19]), times = ops.Upload([5f], new Shape(1));
        using Weight wide = ops.Weight(draw, WeightRole.Vector, [64]), narrow = ops.Weight(draw, WeightRole.Vector, [32]), four = ops.Weight(draw, WeightRole.Vector, [4]);
        using Weight table = ops.Weight(draw, WeightRole.Table, [10, 32]);
        Tensor projected = ops.Normal(draw, [2, 40, 8]);

        void Once()
        {
            using TensorScope scope = ops.Scope();
            ops.Attention(q, q, q, new() { Heads = 4, Scale = 1, Bias = bias, BiasGate = gate, Causal = true });
            ops.GroupNorm(q, wide, wide, 8, 1e-5f, Activation.Silu, q);
            ops.LayerNorm(q, narrow, narrow, 1e-5f);
            ops.Activate(q, Activation.Gelu);
            ops.WeightedSum([new(q, 1), new(q, 2)]);
            ops.Clamp(q, -1, 1);
            ops.Concat([q, q]);
            ops.RepeatBatch(q, 2);
            ops.TimestepEmbedding(times, 32, true, 0);
            ops.TokenEmbedding(ids, table, table, -1, default);
            ops.RelativePositionBias(table, buckets);
            ops.RelativePositionGate(projected, four);
            ops.MeanCosine(q, q);
            ops.AttentionPool(q, scores);
        }

        for (int i = 0; i < 3; i++)
            Once();
        long native = ops.MemoryStatistics.NativeAllocations;
        Assert.Equal(0, ManagedMemory.AllocatedBy(() =>
        {
            for (int i = 0; i < 10; i++)
                Once();
        }));
        Assert.Equal(0, ops.MemoryStatistics.NativeAllocations - native);
    }
}
