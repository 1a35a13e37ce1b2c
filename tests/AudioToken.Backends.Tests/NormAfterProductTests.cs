using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests;

/// <summary>GroupNorm of what products made that were told of it: a backend may have noted statistics on the way.</summary>
public sealed class NormAfterProductTests
{
    private const int Groups = 8;

    private static readonly (string Name, double Mean, Func<ITensorOps, Draw, (Tensor X, Tensor Skip)> Run)[] s_cases =
    [
        ("convolution", 0, (ops, draw) => (Conv(ops, draw, [1, 8, 8, 16], 40), default)),
        ("convolution of two samples", 0, (ops, draw) => (Conv(ops, draw, [2, 8, 16, 16], 80), default)),
        ("convolution of three samples, with shift and residual", 0, (ops, draw) =>
        {
            Tensor shift = ops.Normal(draw, [3, 32]), residual = ops.Normal(draw, [3, 16, 8, 32]);
            return (Conv(ops, draw, [3, 16, 8, 8], 32, new() { ChannelShift = shift, Residual = residual }), default);
        }),
        ("small maps, whose tiles hold several samples", 0, (ops, draw) => (Conv(ops, draw, [3, 4, 4, 16], 32), default)),
        ("ragged channels", 0, (ops, draw) => (Conv(ops, draw, [2, 8, 8, 5], 24), default)),
        ("convolution with a shortcut", 0, (ops, draw) =>
        {
            Tensor x = ops.Normal(draw, [2, 8, 16, 16]), source = ops.Normal(draw, [2, 8, 16, 24]);
            using Weight weight = ops.Weight(draw, WeightRole.Conv2d, [40, 16, 3, 3], 0, 1.0 / 12), own = ops.Weight(draw, WeightRole.Conv2d, [40, 24, 1, 1], 0, 0.2);
            return (ops.Conv2dWithShortcut(x, weight, new ConvGeometry(1, 1), new() { NormFollows = true }, new Shortcut(source, own, null)), default);
        }),
        ("convolution of a doubled map", 0, (ops, draw) => (Doubled(ops, draw, [2, 8, 8, 16], 40), default)),
        ("convolution of a doubled map whose phases have half tiles", 0, (ops, draw) => (Doubled(ops, draw, [1, 8, 24, 8], 320), default)),
        ("convolution of a doubled map whose phases have no whole tiles", 0, (ops, draw) => (Doubled(ops, draw, [2, 4, 4, 16], 32), default)),
        ("a sequence", 0, (ops, draw) => (Linear(ops, draw, [2, 128, 24], 64), default)),
        ("a sequence, with an activation", 0, (ops, draw) => (Linear(ops, draw, [1, 192, 24], 64, new() { Activation = Activation.Silu }), default)),
        ("a sequence as a map", 0, (ops, draw) => (Linear(ops, draw, [2, 64, 24], 64).Reshape([2, 8, 8, 64]), default)),
        ("a long sum", 0, (ops, draw) => (Linear(ops, draw, [1, 64, 1600], 64), default)),
        ("two layers", 0, (ops, draw) =>
        {
            Tensor x = ops.Normal(draw, [2, 64, 48]), between = ops.Normal(draw, [2, 64, 32]), residual = ops.Normal(draw, [2, 64, 24]);
            using Weight first = ops.Weight(draw, WeightRole.Linear, [32, 48], 0, 1 / Math.Sqrt(48)), second = ops.Weight(draw, WeightRole.Linear, [24, 32], 0, 1 / Math.Sqrt(32));
            LinearChain chain = new(new(first, null), new(second, null));
            ops.Prepare(chain);
            return (ops.LinearChain(x, chain, between, new() { Residual = residual, NormFollows = true }), default);
        }),
        ("mean 50", 50, (ops, draw) =>
        {
            Tensor residual = ops.Normal(draw, [2, 64, 32], 50);
            return (Linear(ops, draw, [2, 64, 32], 32, new() { Residual = residual }), default);
        }),
        ("two sources", 0, (ops, draw) => (Conv(ops, draw, [2, 8, 8, 16], 40), Conv(ops, draw, [2, 8, 8, 16], 40))),
        ("two sources, a group of both", 0, (ops, draw) => (Conv(ops, draw, [2, 8, 8, 16], 40), Linear(ops, draw, [2, 64, 16], 24).Reshape([2, 8, 8, 24]))),
        ("two sources, one of them not a product's", 0, (ops, draw) => (Conv(ops, draw, [2, 8, 8, 16], 40), ops.Normal(draw, [2, 8, 8, 24]))),
        ("a repeated map", 0, (ops, draw) => (ops.RepeatBatch(Conv(ops, draw, [2, 8, 8, 16], 40), 2), default)),
        ("one sample of two", 0, (ops, draw) => (Conv(ops, draw, [2, 8, 8, 16], 40).Slice(1, 1), default)),
    ];

    public static TheoryData<string, string> Cases => BackendData.With(s_cases.Select(one => one.Name));

    [Theory]
    [MemberData(nameof(Cases))]
    public void GroupNorm_MatchesFloat64(string backend, string name)
    {
        (_, double mean, Func<ITensorOps, Draw, (Tensor X, Tensor Skip)> run) = s_cases.Single(one => one.Name == name);
        using ITensorOps ops = BackendData.Open(backend);
        using ReferenceOps reference = new();
        using TensorScope scope = ops.Scope();
        (Tensor x, Tensor skip) = run(ops, new Draw((ulong)name.Length));
        float[] found = ops.Values(Norm(ops, x, skip));
        float[] expected = reference.Values(Norm(reference, Copy(x), skip.IsEmpty ? default : Copy(skip)));

        // As NormTests; deviations are 0.5 and more.
        double tolerance = Tolerance.Chain(10, 6) + Tolerance.Chain(2, mean / 0.5), stored = 2 * RoundedOps.Roundoff(BackendData.StorageOf(backend));
        TensorAssert.MaxAbs(expected, found, tolerance + (stored * expected.Max(Math.Abs)), $"{name} on {backend}");

        Tensor Copy(Tensor own) => reference.Upload(ops.Values(own), own.Shape);
    }

    private static Tensor Norm(ITensorOps ops, Tensor x, Tensor skip)
    {
        Draw draw = new(3);
        int channels = x.Shape[^1] + (skip.IsEmpty ? 0 : skip.Shape[^1]);
        using Weight gamma = ops.Weight(draw, WeightRole.Vector, [channels], 1, 0.15), beta = ops.Weight(draw, WeightRole.Vector, [channels]);
        return ops.GroupNorm(x, gamma, beta, Groups, 1e-5f, Activation.Silu, skip);
    }

    private static Tensor Conv(ITensorOps ops, Draw draw, Shape x, int columns, Epilogue epilogue = default)
    {
        Shape shape = [columns, x[3], 3, 3];
        Tensor input = ops.Normal(draw, x);
        using Weight weight = ops.Weight(draw, WeightRole.Conv2d, shape, 0, 1 / Math.Sqrt(9 * x[3])), bias = ops.Weight(draw, WeightRole.Vector, [columns]);
        return ops.Conv2d(input, weight, new ConvGeometry(1, 1), epilogue with { Bias = bias, NormFollows = true });
    }

    private static Tensor Doubled(ITensorOps ops, Draw draw, Shape x, int channels)
    {
        Tensor input = ops.Normal(draw, x), residual = ops.Normal(draw, [x[0], 2 * x[1], 2 * x[2], channels]);
        using Weight weight = ops.Weight(draw, WeightRole.DoublingConv2d, [channels, x[3], 3, 3], 0, 1 / Math.Sqrt(9 * x[3]));
        return ops.Conv2d(input, weight, new ConvGeometry(1, 1) with { UpsampleHeight = 2 * x[1], UpsampleWidth = 2 * x[2] }, new() { Residual = residual, NormFollows = true });
    }

    private static Tensor Linear(ITensorOps ops, Draw draw, Shape x, int columns, Epilogue epilogue = default)
    {
        Tensor input = ops.Normal(draw, x);
        using Weight weight = ops.Weight(draw, WeightRole.Linear, [columns, x[^1]], 0, 1 / Math.Sqrt(x[^1]));
        return ops.Linear(input, weight, epilogue with { NormFollows = true });
    }
}
