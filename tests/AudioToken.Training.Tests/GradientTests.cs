using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Training.Tests;

/// <summary>Gradients of every operation on awkward shapes against differences in float64.</summary>
public sealed class GradientTests
{
    private static readonly GradientCase[] s_cases =
    [
        new("linear", [[3, 5, 7]], [Lin(11, 7), Vec(11)], 15, (ops, x, w) => ops.Linear(x[0], w[0], new Epilogue(w[1]))),
        new("linear, one column", [[3, 5]], [Lin(1, 5), Vec(1)], 5, (ops, x, w) => ops.Linear(x[0], w[0], new Epilogue(w[1]))),
        new("linear, wide", [[2, 37]], [Lin(41, 37)], 41, (ops, x, w) => ops.Linear(x[0], w[0], default)),
        new("linear with everything", [[2, 3, 5], [2, 7], [2, 3, 7]], [Lin(7, 5), Vec(7)], 20, (ops, x, w) => ops.Linear(
            x[0], w[0], new Epilogue(w[1]) { ChannelShift = x[1], Activation = Activation.QuickGelu, Residual = x[2], Scale = 0.5f, ResidualScale = -2 })),
        new("linear with a shared shift and scales", [[2, 3, 5], [1, 7], [2, 3, 7]], [Lin(7, 5), Vec(7)], 20, (ops, x, w) => ops.Linear(
            x[0], w[0], new Epilogue(w[1]) { ChannelShift = x[1], Residual = x[2], Scale = 0.5f, ResidualScale = -2 })),
        new("geglu", [[2, 3, 5]], [Lin(14, 5), Vec(14)], 30, (ops, x, w) => ops.Linear(x[0], w[0], new Epilogue(w[1]) { Activation = Activation.Geglu })) { Magnitude = 12 },
        new("geglu with a residual", [[2, 3, 5], [2, 3, 7]], [Lin(14, 5), Vec(14)], 30, (ops, x, w) => ops.Linear(
            x[0], w[0], new Epilogue(w[1]) { Activation = Activation.Geglu, Residual = x[1] })) { Magnitude = 12 },
        new("two linear layers", [[2, 3, 7], [2, 3, 5], [2, 3, 4]], [Lin(5, 7), Vec(5), Lin(4, 5), Vec(4)], 40, (ops, x, w) =>
        {
            LinearChain chain = new(new(w[0], w[1]), new(w[2], w[3]));
            ops.Prepare(chain);
            return ops.LinearChain(x[0], chain, x[1], new() { Residual = x[2] });
        }),
        Conv("convolution", [2, 5, 4, 3], 7, 3, new(1, 1)),
        Conv("convolution without padding", [1, 5, 6, 3], 5, 3, new(1, 0)),
        Conv("convolution, padded beyond the window", [1, 3, 3, 2], 3, 2, new(1, 2)),
        Conv("convolution, stride 2", [2, 5, 6, 3], 5, 3, new(2, 1)),
        Conv("convolution, stride 2 whose last row no window reaches", [1, 6, 6, 3], 5, 3, new(2, 0)),
        Conv("convolution, padded below and right", [1, 6, 5, 3], 5, 3, new() { Stride = 2, PadBottom = 1, PadRight = 1 }),
        Conv("convolution, window of one", [2, 3, 5, 4], 7, 1, new(1, 0)),
        Conv("convolution, window of one, stride 2", [1, 5, 5, 4], 3, 1, new(2, 0)),
        Conv("convolution of an enlarged map", [1, 3, 2, 3], 4, 3, new(1, 1) { UpsampleHeight = 6, UpsampleWidth = 4 }),
        Conv("convolution of a doubled map", [2, 5, 4, 3], 5, 3, new(1, 1) { UpsampleHeight = 10, UpsampleWidth = 8 }),
        new("convolution with a shortcut of two sources", [[2, 4, 3, 2], [2, 5], [2, 4, 3, 3], [2, 4, 3, 2]],
            [(WeightRole.Conv2d, [5, 2, 3, 3]), Vec(5), (WeightRole.Conv2d, [5, 5, 1, 1]), Vec(5)], 60, (ops, x, w) => ops.Conv2dWithShortcut(
            x[0], w[0], new(1, 1), new Epilogue(w[1]) { ChannelShift = x[1] }, new Shortcut(x[2], w[2], w[3], x[3]))),
        new("convolution of two sources, doubled", [[2, 4, 3, 2], [2, 4, 3, 3]], [(WeightRole.DoublingConv2d, [3, 5, 3, 3]), Vec(3)], 216, (ops, x, w) => ops.Conv2d(
            x[0], w[0], new(1, 1) { UpsampleHeight = 8, UpsampleWidth = 6 }, new Epilogue(w[1]), x[1])),
        Conv("convolution to few channels of a map wide enough to be read in place", [2, 5, 9, 3], 16, 3, new(1, 1)),
        Conv("convolution to few channels, stride 2, padded below and right", [1, 6, 9, 3], 16, 3, new() { Stride = 2, PadBottom = 1, PadRight = 1 }),
        Conv("convolution of few channels and wide lines, in bands", [2, 5, 33, 16], 3, 3, new(1, 1)),
        Conv("convolution of few channels and wide lines, enlarged", [1, 3, 16, 16], 5, 3, new(1, 1) { UpsampleHeight = 6, UpsampleWidth = 33 }),
        Conv("convolution of an unevenly enlarged map", [2, 3, 2, 3], 4, 3, new(1, 1) { UpsampleHeight = 5, UpsampleWidth = 3 }),
        Conv("convolution of a map wide enough for one copy under all taps", [2, 2, 12, 17], 3, 3, new(1, 1)),
        new("convolution of two wide sources, enlarged", [[1, 2, 6, 10], [1, 2, 6, 7]], [(WeightRole.Conv2d, [3, 17, 3, 3]), Vec(3)], 153, (ops, x, w) => ops.Conv2d(
            x[0], w[0], new(1, 1) { UpsampleHeight = 4, UpsampleWidth = 12 }, new Epilogue(w[1]), x[1])),
        new("linear over many rows", [[1, 1030, 2]], [Lin(3, 2), Vec(3)], 1030, (ops, x, w) => ops.Linear(x[0], w[0], new Epilogue(w[1]))),
        new("convolution of two sources", [[2, 4, 3, 2], [2, 4, 3, 5], [2, 3]], [(WeightRole.Conv2d, [3, 7, 3, 3]), Vec(3)], 63, (ops, x, w) => ops.Conv2d(
            x[0], w[0], new(1, 1), new Epilogue(w[1]) { ChannelShift = x[2] }, x[1])),
        new("convolution of two sources, activated", [[1, 3, 3, 2], [1, 3, 3, 3], [1, 3, 3, 3]], [(WeightRole.Conv2d, [3, 5, 3, 3]), Vec(3)], 90, (ops, x, w) => ops.Conv2d(
            x[0], w[0], new(1, 1), new Epilogue(w[1]) { Activation = Activation.Silu, Residual = x[2] }, x[1])),
        new("grouped convolution", [[2, 7, 6]], [(WeightRole.GroupedConv1d, [6, 3, 4]), Vec(6)], 24, (ops, x, w) => ops.GroupedConv1d(x[0], w[0], 2, 2, new Epilogue(w[1]))),
        new("grouped convolution, longer than the sequence, activated", [[1, 3, 4]], [(WeightRole.GroupedConv1d, [4, 2, 5]), Vec(4)], 24, (ops, x, w) =>
            ops.GroupedConv1d(x[0], w[0], 2, 2, new Epilogue(w[1]) { Activation = Activation.Gelu, Residual = x[0] })),
        new("group norm", [[2, 3, 5, 6]], [Vec(6), Vec(6)], 90, (ops, x, w) => ops.GroupNorm(x[0], w[0], w[1], 3, 1e-5f)),
        new("group norm with SiLU", [[2, 7, 6]], [Vec(6), Vec(6)], 60, (ops, x, w) => ops.GroupNorm(x[0], w[0], w[1], 2, 1e-6f, Activation.Silu)),
        new("group norm of two sources, a group of both", [[2, 4, 3], [2, 4, 5]], [Vec(8), Vec(8)], 60, (ops, x, w) => ops.GroupNorm(x[0], w[0], w[1], 2, 1e-5f, Activation.Silu, x[1])),
        new("layer norm", [[3, 4, 17]], [Vec(17), Vec(17)], 60, (ops, x, w) => ops.LayerNorm(x[0], w[0], w[1], 1e-5f)),
        new("attention", [[2, 5, 6], [2, 7, 6], [2, 7, 6]], [], 40, (ops, x, _) => ops.Attention(x[0], x[1], x[2], new AttentionOptions { Heads = 2, Scale = 0.6f })),
        new("attention, causal", [[1, 7, 5], [1, 7, 5], [1, 7, 5]], [], 40, (ops, x, _) => ops.Attention(x[0], x[1], x[2], new AttentionOptions { Heads = 1, Scale = 0.4f, Causal = true })),
        new("attention, one key", [[1, 3, 4], [1, 1, 4], [1, 1, 4]], [], 20, (ops, x, _) => ops.Attention(x[0], x[1], x[2], new AttentionOptions { Heads = 2, Scale = 0.4f })),
        new("attention of a sequence to itself", [[1, 6, 4]], [], 60, (ops, x, _) => ops.Attention(x[0], x[0], x[0], new AttentionOptions { Heads = 2, Scale = 0.4f })),
        new("attention, more queries than a block", [[1, 131, 2], [1, 2, 2], [1, 2, 2]], [], 300, (ops, x, _) =>
            ops.Attention(x[0], x[1], x[2], new AttentionOptions { Heads = 1, Scale = 0.7f })),
        new("attention, wide heads over more keys than a panel", [[1, 3, 35], [1, 40, 35], [1, 40, 35]], [], 300, (ops, x, _) =>
            ops.Attention(x[0], x[1], x[2], new AttentionOptions { Heads = 1, Scale = 0.2f })),
        new("attention, more keys than a run, a block of one vector after one of two", [[1, 35, 2], [1, 230, 2], [1, 230, 2]], [], 300, (ops, x, _) =>
            ops.Attention(x[0], x[1], x[2], new AttentionOptions { Heads = 1, Scale = 0.7f })),
        new("attention, blocks of queries over many keys, causal with a gated bias", [[1, 60, 2], [1, 147, 2], [1, 147, 2], [1, 60, 147], [1, 60, 1]], [], 300, (ops, x, _) =>
            ops.Attention(x[0], x[1], x[2], new AttentionOptions { Heads = 1, Scale = 0.7f, Causal = true, Bias = x[3], BiasGate = x[4] })),
        new("attention with a bias", [[2, 4, 6], [2, 5, 6], [2, 5, 6], [3, 4, 5]], [], 40, (ops, x, _) =>
            ops.Attention(x[0], x[1], x[2], new AttentionOptions { Heads = 3, Scale = 0.5f, Bias = x[3] })),
        new("attention with a gated bias", [[2, 5, 6], [2, 5, 6], [2, 5, 6], [3, 5, 5], [2, 5, 3]], [], 40, (ops, x, _) =>
            ops.Attention(x[0], x[1], x[2], new AttentionOptions { Heads = 3, Scale = 0.5f, Bias = x[3], BiasGate = x[4] })),
        new("SiLU", [[3, 7]], [], 8, (ops, x, _) => ops.Activate(x[0], Activation.Silu)),
        new("GELU", [[3, 67]], [], 8, (ops, x, _) => ops.Activate(x[0], Activation.Gelu)),
        new("quick GELU", [[3, 7]], [], 8, (ops, x, _) => ops.Activate(x[0], Activation.QuickGelu)),
        new("ReLU", [[3, 7]], [], 8, (ops, x, _) => ops.Activate(x[0], Activation.Relu)),
        new("weighted sum, a term twice", [[3, 5], [3, 5]], [], 4, (ops, x, _) => ops.WeightedSum([new(x[0], 2), new(x[1], -0.5f), new(x[0], 0.25f)])),
        new("concatenation", [[2, 3, 4], [2, 3, 1], [2, 3, 5]], [], 2, (ops, x, _) => ops.Concat(x)),
        new("repeated batch", [[2, 3]], [], 4, (ops, x, _) => ops.RepeatBatch(x[0], 3)),
        new("slices and views", [[4, 3, 2]], [Lin(5, 6)], 24, (ops, x, w) => ops.WeightedSum(
            [new(ops.Linear(x[0].Slice(1, 2).Reshape([2, 6]), w[0], default), 2), new(ops.Linear(x[0].Slice(2, 2).Reshape([2, 6]), w[0], default), 1)])),
        new("token embedding", [[2, 2, 3]], [(WeightRole.Table, [5, 3]), (WeightRole.Table, [6, 3])], 4, (ops, x, w) =>
            ops.TokenEmbedding(ops.Upload([0, 9, 4, 4, 10, 0, 9, 9], [2, 4]), w[0], w[1], 9, x[0])),
        new("token embedding, one placeholder for all", [[1, 3]], [(WeightRole.Table, [5, 3]), (WeightRole.Table, [4, 3])], 6, (ops, x, w) =>
            ops.TokenEmbedding(ops.Upload([0, 9, 4, 9, 3, 0, 9, 9], [2, 4]), w[0], w[1], 9, x[0])),
        new("relative positions", [], [(WeightRole.Table, [3, 2])], 16, (ops, _, w) => ops.RelativePositionBias(w[0], ops.Upload([0, 1, 0, 2, 2, 1, 1], [7]))),
        new("gate of relative positions", [[2, 6, 8]], [Vec(2)], 20, (ops, x, w) => ops.RelativePositionGate(x[0], w[0])),
        new("mean cosine", [[2, 5, 4], [2, 5, 4]], [], 60, (ops, x, _) => ops.MeanCosine(x[0], x[1])),
        new("mean cosine of a sequence with itself", [[1, 4, 3]], [], 60, (ops, x, _) => ops.MeanCosine(x[0], x[0])),
        new("attention pool", [[2, 5, 3], [2, 5, 1]], [], 30, (ops, x, _) => ops.AttentionPool(x[0], x[1])),
        new("two blocks in scopes of their own", [[2, 3, 5]], [Lin(7, 5), Vec(7), Lin(5, 7), Lin(4, 5)], 100, (ops, x, w) =>
        {
            using TensorScope model = ops.Scope();
            Tensor Block(Tensor h)
            {
                using TensorScope scope = ops.Scope();
                Tensor inner = ops.Linear(h, w[0], new Epilogue(w[1]) { Activation = Activation.Silu });
                return scope.Keep(ops.Linear(scope.Swap(inner, ops.Activate(inner, Activation.Gelu)), w[2], new() { Residual = h }));
            }

            Tensor y = Block(x[0]);
            y = model.Swap(y, Block(y));
            return model.Keep(ops.Linear(y, w[3], default));
        }) { Magnitude = 60 },
    ];

    public static TheoryData<string, string> Cases => BackendData.With(s_cases.Select(one => one.Name));

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gradient_EqualsDifferencesInFloat64(string backend, string name) => s_cases.Single(one => one.Name == name).Check(backend);

    private static (WeightRole Role, Shape Shape) Lin(int outputs, int inputs) => (WeightRole.Linear, [outputs, inputs]);

    private static (WeightRole Role, Shape Shape) Vec(int count) => (WeightRole.Vector, [count]);

    private static GradientCase Conv(string name, Shape input, int outputs, int kernel, ConvGeometry geometry) => new(
        name, [input], [(WeightRole.Conv2d, [outputs, input[3], kernel, kernel]), Vec(outputs)], 9 * Math.Max(outputs, (int)input.Rows),
        (ops, x, w) => ops.Conv2d(x[0], w[0], geometry, new Epilogue(w[1])));
}
