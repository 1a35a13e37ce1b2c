using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests;

/// <summary>Tensors of nothing: each operation gives nothing, of the right shape, and the backend computes as before.</summary>
public sealed class EmptyTests
{
    private static readonly Dictionary<string, (Shape Wanted, Func<ITensorOps, Tensor> Run)> s_cases = new()
    {
        ["linear of no rows"] = ([0, 5], ops => ops.Linear(Of(ops, [0, 8]), Weight(ops, WeightRole.Linear, [5, 8]), default)),
        ["linear of no rows, with a residual"] = ([0, 3, 8], ops => ops.Linear(Of(ops, [0, 3, 8]), Weight(ops, WeightRole.Linear, [8, 8]), new Epilogue { Residual = Of(ops, [0, 3, 8]) })),
        ["two layers of no rows"] = ([0, 3, 5], ops =>
        {
            LinearChain chain = new(new(Weight(ops, WeightRole.Linear, [8, 24]), Weight(ops, WeightRole.Vector, [8])), new(Weight(ops, WeightRole.Linear, [5, 8]), null));
            ops.Prepare(chain);
            return ops.LinearChain(Of(ops, [0, 3, 24]), chain, Of(ops, [0, 3, 8]), new() { NormFollows = true });
        }),
        ["convolution of no samples"] = ([0, 4, 4, 8], ops => ops.Conv2d(Of(ops, [0, 4, 4, 8]), Weight(ops, WeightRole.Conv2d, [8, 8, 3, 3]), new ConvGeometry(1, 1), default)),
        ["convolution of no doubled maps"] = ([0, 8, 8, 8], ops => ops.Conv2d(
            Of(ops, [0, 4, 4, 8]), Weight(ops, WeightRole.DoublingConv2d, [8, 8, 3, 3]), new ConvGeometry(1, 1) { UpsampleHeight = 8, UpsampleWidth = 8 }, new() { NormFollows = true })),
        ["convolution with a shortcut of no samples"] = ([0, 4, 4, 8], ops => ops.Conv2dWithShortcut(
            Of(ops, [0, 4, 4, 8]), Weight(ops, WeightRole.Conv2d, [8, 8, 3, 3]), new ConvGeometry(1, 1), default, new Shortcut(Of(ops, [0, 4, 4, 3]), Weight(ops, WeightRole.Conv2d, [8, 3, 1, 1]), null))),
        ["grouped convolution of no samples"] = ([0, 6, 8], ops => ops.GroupedConv1d(Of(ops, [0, 6, 8]), Weight(ops, WeightRole.GroupedConv1d, [8, 4, 3]), 2, 1, default)),
        ["projections of no rows"] = ([0, 5, 8], ops =>
        {
            Tensor[] results = new Tensor[3];
            Weight weight = Weight(ops, WeightRole.Linear, [8, 8]);
            ops.Project(Of(ops, [0, 5, 8]), [new(weight, null), new(weight, null), new(weight, null)], results);
            return results[2];
        }),
        ["group norm of no samples"] = ([0, 16, 8], ops => ops.GroupNorm(Of(ops, [0, 16, 8]), Weight(ops, WeightRole.Vector, [8]), Weight(ops, WeightRole.Vector, [8]), 2, 1e-5f)),
        ["layer norm of no rows"] = ([0, 8], ops => ops.LayerNorm(Of(ops, [0, 8]), Weight(ops, WeightRole.Vector, [8]), Weight(ops, WeightRole.Vector, [8]), 1e-5f)),
        ["attention of no samples"] = ([0, 4, 16], ops => ops.Attention(Of(ops, [0, 4, 16]), Of(ops, [0, 4, 16]), Of(ops, [0, 4, 16]), new() { Heads = 2, Scale = 1 })),
        ["attention of no queries"] = ([2, 0, 16], ops => ops.Attention(Of(ops, [2, 0, 16]), Of(ops, [2, 4, 16]), Of(ops, [2, 4, 16]), new() { Heads = 2, Scale = 1 })),
        ["activation"] = ([0], ops => ops.Activate(Of(ops, [0]), Activation.Gelu)),
        ["sum"] = ([0, 3], ops => ops.WeightedSum([new(Of(ops, [0, 3]), 2), new(Of(ops, [0, 3]), 1)])),
        ["clamp"] = ([0], ops => ops.Clamp(Of(ops, [0]), -1, 1)),
        ["concatenation"] = ([0, 5], ops => ops.Concat([Of(ops, [0, 2]), Of(ops, [0, 3])])),
        ["repetition"] = ([0, 3], ops => ops.RepeatBatch(Of(ops, [0, 3]), 2)),
        ["similarity of no samples"] = ([0, 3, 1], ops => ops.MeanCosine(Of(ops, [0, 3, 4]), Of(ops, [0, 3, 4]))),
        ["pooling of no samples"] = ([0, 4], ops => ops.AttentionPool(Of(ops, [0, 3, 4]), Of(ops, [0, 3, 1]))),
    };

    public static TheoryData<string, string> Cases => BackendData.With(s_cases.Keys);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Nothing_GivesNothing(string backend, string name)
    {
        (Shape wanted, Func<ITensorOps, Tensor> run) = s_cases[name];
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        Tensor result = run(ops);
        Assert.Equal(wanted, result.Shape);
        Assert.Empty(ops.Values(result));
        Assert.Equal([3f, 5], ops.Values(ops.WeightedSum([new(ops.Upload([1f, 2], [2]), 2), new(ops.Upload([1f, 1], [2]), 1)])));
    }

    private static Tensor Of(ITensorOps ops, Shape shape) => ops.Upload(new float[shape.Count], shape);

    // Lives as long as the backend.
    private static Weight Weight(ITensorOps ops, WeightRole role, Shape shape) => ops.Weight(new Draw(1), role, shape);
}
