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
    public void Scope_GivesEveryStorageBack()
    {
        using ReferenceOps ops = new();
        Tensor x;
        using (TensorScope scope = ops.Scope())
            x = ops.Clamp(ops.Upload([1f], new Shape(1)), 0, 1);
        Assert.Equal(0, ops.LiveCount);
        Assert.Throws<ObjectDisposedException>(() => ops.Download(x));
    }
}
