using AudioToken.Models.Layers;
using AudioToken.Models.Unet;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Training.Losses;
using AudioToken.Training.Tape;
using Xunit;

namespace AudioToken.Training.Tests;

/// <summary>Gradients of operations and blocks against PyTorch's in float64 (goldens b10_ops_grad).</summary>
public abstract class OpGoldenTests(string backend)
{
    [Theory]
    [InlineData("silu", Activation.Silu)]
    [InlineData("gelu", Activation.Gelu)]
    [InlineData("quick_gelu", Activation.QuickGelu)]
    [InlineData("relu", Activation.Relu)]
    public void Activation_EqualsPyTorch(string name, Activation activation)
    {
        using GoldenGradient golden = new(name, backend);
        golden.Check(golden.Tape.Activate(golden.Input("x"), activation));
    }

    [Fact]
    public void Linear_EqualsPyTorch()
    {
        using GoldenGradient golden = new("linear", backend);
        (Weight w, Weight b) = (golden.Load("w", WeightRole.Linear), golden.Load("b", WeightRole.Vector));
        golden.Check(golden.Tape.Linear(golden.Input("x"), w, new Epilogue(b)));
    }

    [Fact]
    public void Geglu_EqualsPyTorch()
    {
        using GoldenGradient golden = new("geglu", backend);
        Linear proj = Linear.Load(golden.Root / "proj", 8, 24);
        golden.Check(proj.Forward(golden.Tape, golden.Input("x0"), new() { Activation = Activation.Geglu }));
    }

    [Theory]
    [InlineData("conv2d_1x1", 1, 0)]
    [InlineData("conv2d_3x3", 1, 1)]
    [InlineData("conv2d_3x3_stride2", 2, 1)]
    [InlineData("conv2d_3x3_stride2_nopad", 2, 0)]
    public void Conv2d_EqualsPyTorch(string name, int stride, int padding)
    {
        using GoldenGradient golden = new(name, backend);
        (Weight w, Weight b) = (golden.Load("w", WeightRole.Conv2d), golden.Load("b", WeightRole.Vector));
        golden.Check(golden.Tape.Conv2d(golden.Input("x", Layout.ChannelsLast, Layout.ChannelsLast), w, new(stride, padding), new Epilogue(b)), Layout.ChannelsLast);
    }

    [Theory]
    [InlineData("downsample")]
    [InlineData("downsample_vae")]
    public void Downsampling_EqualsPyTorch(string name)
    {
        using GoldenGradient golden = new(name, backend);
        ConvGeometry geometry = name == "downsample" ? new(2, 1) : new() { Stride = 2, PadBottom = 1, PadRight = 1 };
        Conv2d conv = Conv2d.Load(golden.Root / "Conv2d_0", 6, 6, 3, geometry);
        golden.Check(conv.Forward(golden.Tape, golden.Input("x0", Layout.ChannelsLast, Layout.ChannelsLast)), Layout.ChannelsLast);
    }

    [Fact]
    public void Upsampling_EqualsPyTorch()
    {
        using GoldenGradient golden = new("upsample", backend);
        Conv2d conv = Conv2d.Load3x3(golden.Root / "conv", 6, 6);
        golden.Check(conv.ForwardEnlarged(golden.Tape, golden.Input("x0", Layout.ChannelsLast, Layout.ChannelsLast), 8, 6), Layout.ChannelsLast);
    }

    [Fact]
    public void NearestNeighbour_EqualsPyTorch()
    {
        using GoldenGradient golden = new("upsample_nearest2x", backend);
        Shape map(Shape stored) => [1, stored[1], stored[2], stored[0]];
        float[] order(float[] values, Shape stored) => Layout.ChannelsLast(values, [1, .. stored]);
        Tensor x = golden.Input("x", order, map);
        float[] identity = new float[16];
        for (int i = 0; i < 4; i++)
            identity[i * 5] = 1;
        Weight same = golden.Load("identity", WeightRole.Conv2d, [4, 4, 1, 1], identity, trained: false);
        golden.Check(golden.Tape.Conv2d(x, same, new(1, 0) { UpsampleHeight = 12, UpsampleWidth = 20 }, default), Layout.ChannelsLast);
    }

    // Three channels in and four out of each group; a channel of zeros makes them four and four.
    [Fact]
    public void GroupedConvolution_EqualsPyTorch()
    {
        using GoldenGradient golden = new("conv1d_grouped", backend);
        float[] w = golden["in.w"], padded = new float[8 * 4 * 5];
        for (int o = 0; o < 8; o++)
            w.AsSpan(o * 15, 15).CopyTo(padded.AsSpan(o * 20, 15));
        Weight weight = golden.Load("w", WeightRole.GroupedConv1d, [8, 4, 5], padded);
        Weight bias = golden.Load("b", WeightRole.Vector, [8], golden["in.b"]);
        float[] Pad(float[] x) => [.. x.Chunk(3).SelectMany(group => group.Append(0))];
        GradientTape tape = golden.Tape;
        Tensor x = tape.Upload(Pad(Layout.ChannelsLast(golden["in.x"], [2, 6, 11])), [2, 11, 8]);
        tape.Watch(x);
        Tensor y = tape.GroupedConv1d(x, weight, 2, 2, new Epilogue(bias));
        TensorAssert.Network(Layout.ChannelsLast(golden["out.y"], [2, 8, 11]), tape.Values(y), "y");
        tape.Backward(y, tape.Upload(Layout.ChannelsLast(golden["in.dy"], [2, 8, 11]), y.Shape));
        float[] dx = [.. tape.Values(tape.Gradient(x)).Chunk(4).SelectMany(group => group.Take(3))];
        TensorAssert.Network(Layout.ChannelsLast(golden["out.d_x"], [2, 6, 11]), dx, "d_x");
        TensorAssert.Network(golden["out.d_w"], [.. golden.Gradient(weight).Chunk(20).SelectMany(output => output.Take(15))], "d_w");
        TensorAssert.Network(golden["out.d_b"], golden.Gradient(bias), "d_b");
    }

    [Fact]
    public void GroupNorm_EqualsPyTorch()
    {
        using GoldenGradient golden = new("group_norm", backend);
        (Weight w, Weight b) = (golden.Load("w", WeightRole.Vector), golden.Load("b", WeightRole.Vector));
        golden.Check(golden.Tape.GroupNorm(golden.Input("x", Layout.ChannelsLast, Layout.ChannelsLast), w, b, 4, 1e-5f), Layout.ChannelsLast);
    }

    [Fact]
    public void LayerNorm_EqualsPyTorch()
    {
        using GoldenGradient golden = new("layer_norm", backend);
        (Weight w, Weight b) = (golden.Load("w", WeightRole.Vector), golden.Load("b", WeightRole.Vector));
        golden.Check(golden.Tape.LayerNorm(golden.Input("x"), w, b, 1e-5f));
    }

    [Theory]
    [InlineData("attention", 3, 8, false)]
    [InlineData("attention_causal", 2, 4, true)]
    public void Attention_EqualsPyTorch(string name, int heads, int width, bool causal)
    {
        using GoldenGradient golden = new(name, backend);
        Tensor Input(string operand) => golden.Input(operand, Layout.HeadsInside, Layout.HeadsInside);
        AttentionOptions options = new() { Heads = heads, Scale = (float)Math.Pow(width, -0.5), Causal = causal };
        golden.Check(golden.Tape.Attention(Input("q"), Input("k"), Input("v"), options), Layout.HeadsInside);
    }

    // Pooling unit vectors gives the shares themselves.
    [Fact]
    public void SoftMax_EqualsPyTorch()
    {
        using GoldenGradient golden = new("softmax_last", backend);
        Tensor x = golden.Input("x");
        float[] units = new float[24 * 10 * 10];
        for (int i = 0; i < 240; i++)
            units[i * 10 + i % 10] = 1;
        Tensor values = golden.Tape.Upload(units, [24, 10, 10]);
        golden.Check(golden.Tape.AttentionPool(values, x.Reshape([24, 10, 1])));
    }

    // The cosine with a unit vector is a coordinate of the direction.
    [Fact]
    public void Normalisation_EqualsPyTorch()
    {
        using GoldenGradient golden = new("normalize_dim1", backend);
        Tensor x = golden.Input("x", Layout.ChannelsLast, Layout.ChannelsLast); // [4, 10, 6]
        float[] units = new float[6 * 40 * 6];
        for (int i = 0; i < 240; i++)
            units[i * 6 + i / 40] = 1;
        Tensor directions = golden.Tape.Upload(units, [240, 1, 6]);
        Tensor y = golden.Tape.MeanCosine(golden.Tape.RepeatBatch(x.Reshape([40, 1, 6]), 6), directions); // coordinate first
        golden.Check(y, (values, shape) =>
        {
            float[] first = new float[values.Length];
            for (int i = 0; i < values.Length; i++)
                first[i / 10 % 6 * 40 + i / 60 * 10 + i % 10] = values[i];
            return first;
        });
    }

    [Fact]
    public void Losses_EqualPyTorch()
    {
        using GoldenGradient square = new("mse_mean", backend), magnitude = new("l1_mean", backend);
        float[] x = square["in.x"], gradient = new float[x.Length];
        double loss = Loss.MeanSquare(x, square["in.y"], gradient, weight: square["in.dy"][0]);
        TensorAssert.Network(square["out.y"], [(float)loss], "mse");
        TensorAssert.Network(square["out.d_x"], gradient, "mse d_x");
        x = magnitude["in.x"];
        gradient = new float[x.Length];
        loss = Loss.MeanMagnitude(x, gradient, weight: magnitude["in.dy"][0]);
        TensorAssert.Network(magnitude["out.y"], [(float)loss], "l1");
        TensorAssert.Network(magnitude["out.d_x"], gradient, "l1 d_x");
    }

    [Fact]
    public void ResnetBlock_EqualsPyTorch()
    {
        using GoldenGradient golden = new("resnet_block", backend);
        ResnetBlock2D block = new(golden.Root, 8, 12, 4, 1e-5f, 10);
        Tensor x = golden.Input("x0", Layout.ChannelsLast, Layout.ChannelsLast), time = golden.Input("x1");
        golden.Check(block.Forward(golden.Tape, x, block.TimeShift(golden.Tape, golden.Tape.Activate(time, Activation.Silu))), Layout.ChannelsLast);
    }

    [Theory]
    [InlineData("transformer2d_conv_proj")]
    [InlineData("transformer2d_linear_proj")]
    public void Transformer_EqualsPyTorch(string name)
    {
        using GoldenGradient golden = new(name, backend);
        Transformer2D transformer = new(golden.Root, 16, 2, new UnetConfig { NormGroups = 4, ContextWidth = 10 });
        Tensor x = golden.Input("x0", Layout.ChannelsLast, Layout.ChannelsLast), context = golden.Input("x1");
        golden.Check(transformer.Forward(golden.Tape, x, transformer.Project(golden.Tape, context)), Layout.ChannelsLast);
    }

    [Fact]
    public void TransformerBlock_EqualsPyTorch()
    {
        using GoldenGradient golden = new("transformer_block", backend);
        LayerNorm[] norms = [.. Enumerable.Range(1, 3).Select(i => LayerNorm.Load(golden.Root / $"norm{i}", 16))];
        MultiHeadAttention self = Attention("attn1", 16), cross = Attention("attn2", 10);
        Linear gated = Linear.Load(golden.Root / "ff" / "net" / 0 / "proj", 16, 128), output = Linear.Load(golden.Root / "ff" / "net" / 2, 64, 16);
        GradientTape tape = golden.Tape;
        Tensor x = golden.Input("x0"), context = golden.Input("x1");
        x = self.Forward(tape, norms[0].Forward(tape, x), x);
        x = cross.Forward(tape, norms[1].Forward(tape, x), cross.Project(tape, context), x);
        golden.Check(output.Forward(tape, gated.Forward(tape, norms[2].Forward(tape, x), new() { Activation = Activation.Geglu }), new() { Residual = x }));

        MultiHeadAttention Attention(string name, int width) => new(
            Linear.Load(golden.Root / name / "to_q", 16, 16, bias: false),
            Linear.Load(golden.Root / name / "to_k", width, 16, bias: false),
            Linear.Load(golden.Root / name / "to_v", width, 16, bias: false),
            Linear.Load(golden.Root / name / "to_out" / 0, 16, 16),
            16,
            heads: 4);
    }
}

/// <summary>On the CPU.</summary>
public sealed class CpuOpGoldenTests() : OpGoldenTests("cpu");

/// <summary>On a GPU, or the emulated device.</summary>
public sealed class CudaOpGoldenTests() : OpGoldenTests("cuda");
