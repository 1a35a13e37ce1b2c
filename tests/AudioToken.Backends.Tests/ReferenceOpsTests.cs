using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests;

/// <summary>The reference itself, against numbers from elsewhere.</summary>
public sealed class ReferenceOpsTests
{
    [Theory]
    [InlineData(Activation.Gelu, 1, 0.8413447460685429)]
    [InlineData(Activation.Gelu, -1, -0.15865525393145707)]
    [InlineData(Activation.Gelu, 3, 2.9959503059051098)]
    [InlineData(Activation.Gelu, -5, -1.4332578593959731e-06)]
    [InlineData(Activation.Silu, 2, 1.7615941559557649)]
    [InlineData(Activation.QuickGelu, 1, 0.8457957659328212)]
    [InlineData(Activation.Relu, -1, 0)]
    public void Activation_HasTheTabulatedValue(Activation activation, double x, double expected) =>
        Assert.Equal(expected, ReferenceOps.Apply(activation, x), 1e-14);

    [Fact]
    public void Conv2d_TakesWindowsOverUnevenPaddingAndTwoSources()
    {
        using ReferenceOps ops = new();
        using TensorScope scope = ops.Scope();

        // 2 x 2 pixels of channels (x, skip); the kernel is 1 at the upper left for x and 10 at the lower right for skip.
        Tensor x = ops.Upload([1f, 2, 3, 4], [1, 2, 2, 1]), skip = ops.Upload([5f, 6, 7, 8], [1, 2, 2, 1]);
        using Weight w = ops.LoadWeight(new ArrayWeightSource("w", [1, 2, 2, 2], [1, 0, 0, 0, 0, 0, 0, 10]), WeightRole.Conv2d);
        ConvGeometry below = new() { Stride = 1, PadBottom = 1, PadRight = 1 };
        Assert.Equal([81, 2, 3, 4], ops.Download(ops.Conv2d(x, w, below, default, skip)));
        ConvGeometry above = new() { Stride = 1, PadTop = 1, PadLeft = 1 };
        Assert.Equal([50, 60, 70, 81], ops.Download(ops.Conv2d(x, w, above, default, skip)));
    }

    [Fact]
    public void Conv2d_EnlargesByNearestNeighbour()
    {
        using ReferenceOps ops = new();
        using TensorScope scope = ops.Scope();
        Tensor x = ops.Upload([1f, 2, 3, 4], [1, 2, 2, 1]);
        using Weight w = ops.LoadWeight(new ArrayWeightSource("w", [1, 1, 1, 1], [1]), WeightRole.Conv2d);
        ConvGeometry geometry = new(1, 0) { UpsampleHeight = 3, UpsampleWidth = 4 };
        Assert.Equal([1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4], ops.Download(ops.Conv2d(x, w, geometry, default)));
    }

    [Fact]
    public void GroupedConv1d_ReadsFromTapMinusPadding()
    {
        using ReferenceOps ops = new();
        using TensorScope scope = ops.Scope();
        Tensor x = ops.Upload([1f, 10, 2, 20, 3, 30], [1, 3, 2]);
        using Weight w = ops.LoadWeight(new ArrayWeightSource("w", [2, 1, 2], [1, 2, 3, 4]), WeightRole.GroupedConv1d);
        Assert.Equal([2, 40, 5, 110, 8, 180], ops.Download(ops.GroupedConv1d(x, w, 2, 1, default)));
    }

    [Fact]
    public void Linear_AppliesEveryPartOfTheEpilogue()
    {
        using ReferenceOps ops = new();
        using TensorScope scope = ops.Scope();
        Tensor x = ops.Upload([1f, 2], [2, 1, 1]);
        using Weight w = ops.LoadWeight(new ArrayWeightSource("w", [2, 1], [1, -1]), WeightRole.Linear);
        using Weight bias = ops.LoadWeight(new ArrayWeightSource("b", [2], [0.5f, 0.25f]), WeightRole.Vector);
        Epilogue epilogue = new(bias)
        {
            ChannelShift = ops.Upload([0f, 3, 4, 0], [2, 2]),
            Activation = Activation.Relu,
            Scale = 2,
            Residual = ops.Upload([1f, 1, 1, 1], [2, 1, 2]),
            ResidualScale = 10,
        };

        // relu(1.5, 2.25), relu(6.5, -1.75), doubled, plus 10.
        Assert.Equal([13, 14.5, 23, 10], ops.Download(ops.Linear(x, w, epilogue)));
        double[] gated = ops.Download(ops.Linear(x, w, new Epilogue(bias) { Activation = Activation.Geglu }));
        Assert.Equal(1.5 * ReferenceOps.Apply(Activation.Gelu, -0.75), gated[0], 1e-15);
        Assert.Equal(2.5 * ReferenceOps.Apply(Activation.Gelu, -1.75), gated[1], 1e-15);
    }

    [Fact]
    public void EmbedderOfTheSpecification_GivesTheKnownAnswers()
    {
        using ReferenceOps ops = new();
        using TensorScope scope = ops.Scope();
        int k = 0;
        Weight Next(WeightRole role, Shape shape)
        {
            float[] values = new float[shape.Count];
            for (int i = 0; i < values.Length; i++)
                values[i] = (float)(0.5 * Math.Sin((1.7 * k++) + 0.3));
            return ops.LoadWeight(new ArrayWeightSource("w", shape, values), role);
        }

        (Weight Weight, Weight Bias) Layer(int outputs, int inputs) => (Next(WeightRole.Linear, [outputs, inputs]), Next(WeightRole.Vector, [outputs]));
        var (fc1, fc2, embed, reduce, left, right) = (Layer(6, 6), Layer(4, 6), Layer(4, 4), Layer(1, 4), Layer(4, 4), Layer(4, 4));
        using Weight share = Next(WeightRole.Linear, [1, 2]);
        Assert.Equal(137, k);
        float[] a = [.. Enumerable.Range(0, 18).Select(i => (float)Math.Cos(0.9 * i))];

        Tensor Apply((Weight Weight, Weight Bias) layer, Tensor x, Activation activation = Activation.None) =>
            ops.Linear(x, layer.Weight, new Epilogue(layer.Bias) { Activation = activation });
        Tensor tokens = Apply(fc2, Apply(fc1, ops.Upload(a, [1, 3, 6]), Activation.Gelu));
        Tensor unary = Apply(reduce, Apply(embed, tokens, Activation.Relu));
        Tensor cosine = ops.MeanCosine(Apply(left, tokens), Apply(right, tokens));
        Tensor pooled = ops.AttentionPool(tokens, ops.Linear(ops.Concat([unary, cosine]), share, default));

        // Six or seven digits are given; weights and input are rounded to float.
        Near([-0.543274, 0.461190, 0.406886, -0.847801], ops.Download(tokens)[..4]);
        Near([0.381388, 0.377303, 0.356419], ops.Download(unary));
        Near([-0.872060, -0.882690, -0.904968], ops.Download(cosine));
        Near([-0.5809880, 0.5866282, 0.2654085, -0.7711338], ops.Download(pooled));
        foreach ((Weight weight, Weight bias) in new[] { fc1, fc2, embed, reduce, left, right })
        {
            weight.Dispose();
            bias.Dispose();
        }
    }

    [Fact]
    public void Scope_GivesEveryStorageBack()
    {
        using ReferenceOps ops = new();
        Tensor x;
        using (TensorScope scope = ops.Scope())
            x = ops.Clamp(ops.Upload([1f], new Shape(1)), 0, 1);
        Assert.Equal(0, ops.LiveCount);
        Assert.Throws<ObjectDisposedException>(() => ops.Download(x));
    }

    private static void Near(double[] expected, double[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 1e-6);
    }
}
