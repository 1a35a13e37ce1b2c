using AudioToken.Models.Beats;
using AudioToken.Models.Clip;
using AudioToken.Models.Fga;
using AudioToken.Models.Unet;
using AudioToken.Models.Vae;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Tests.Models;

/// <summary>What models hold, give back and allocate, at their published sizes; and that times, samples and failed calls do not mix.</summary>
public sealed class ModelBehaviourTests
{
    internal static readonly UnetConfig SmallUnet = new()
    {
        Channels = [32, 64], Heads = [2, 4], DownAttention = [true, false], UpAttention = [true, false],
        LayersPerBlock = 1, ContextWidth = 24, NormGroups = 8,
    };

    [Fact]
    public void Unet_HoldsNoMoreThanItsSkipsAndOneLayer()
    {
        using ShapeOps ops = new();
        using UnetModel unet = Load(ops, PublishedConfigs.UnetSd1);
        using TensorScope scope = ops.Scope();
        (UnetTimes times, UnetContext context, Tensor latents) = Prepare(ops, unet, batch: 2, side: 64, PublishedConfigs.UnetSd1);
        long before = ops.LiveElements;
        ops.ResetPeak();
        Tensor predicted = unet.Forward(ops, latents, times.Step(1), context);

        // In units of one map of 320 channels at 64 x 64, the finest level's. The most is held at the end of a transformer there: its input,
        // the sequence, its norm, four for the gated inner layer, the result; beside two skips of that size (all others are smaller and
        // either not yet made or already handed back).
        const long map = 2L * 64 * 64 * 320;
        Assert.Equal(new Shape([2, 64, 64, 4]), predicted.Shape);
        Assert.InRange(ops.PeakElements - before, 8 * map, 10 * map);
    }

    [Fact]
    public void VaeDecoder_HoldsNoMoreThanTwoAndAHalfOfItsLargestMaps() =>
        // The input of the last level's first block, its norm, and a convolution of half the width.
        Assert.InRange(HeldToDecode((decoder, ops, latents) => decoder.Forward(ops, latents)), 2, 2.5);

    [Fact]
    public void VaeDecoder_InStrips_HoldsNoMoreThanOneAndAHalfOfItsLargestMaps() =>
        // Beside the last level's input, an eighth of it with the rows around, its norm, and a convolution and a shortcut of half the width.
        Assert.InRange(HeldToDecode((decoder, ops, latents) => decoder.ForwardTiled(ops, latents)), 1, 1.5);

    [Fact]
    public void VaeDecoder_InStrips_TakesOneSample()
    {
        using ShapeOps ops = new();
        using VaeDecoder decoder = VaeDecoder.Load(ops, Formula(CheckpointShapes.Vae(new VaeConfig())), new VaeConfig());
        using TensorScope scope = ops.Scope();
        ShapeException error = Assert.Throws<ShapeException>(() => decoder.ForwardTiled(ops, ops.New([2, 64, 64, 4])));
        Assert.Equal("A map [2, 256, 256, 512] cannot be cut into strips, wanted [1, H, W, C]; give one sample at a time.", error.Message);
    }

    // What a decode to 512 x 512 holds at most, in maps of 256 channels of that size (268 MB each in fp32).
    private static double HeldToDecode(Func<VaeDecoder, ShapeOps, Tensor, Tensor> decode)
    {
        using ShapeOps ops = new();
        VaeConfig config = new();
        using VaeDecoder decoder = VaeDecoder.Load(ops, Formula(CheckpointShapes.Vae(config)), config);
        using TensorScope scope = ops.Scope();
        Tensor latents = decoder.Unscale(ops, ops.New([1, 64, 64, 4]));
        long before = ops.LiveElements;
        ops.ResetPeak();
        Assert.Equal(new Shape([1, 512, 512, 3]), decode(decoder, ops, latents).Shape);
        return (ops.PeakElements - before) / (512.0 * 512 * 256);
    }

    [Fact]
    public void Models_LeaveTheirResultsAndNothingElse()
    {
        using ShapeOps ops = new();
        using UnetModel unet = Load(ops, SmallUnet);
        using TensorScope scope = ops.Scope();
        Tensor conditioning = ops.New([2, 77, 24]);
        AssertLeaves(ops, 2 * 4, () => unet.PrepareContext(ops, conditioning));   // keys and values of four transformers
        AssertLeaves(ops, 8, () => unet.PrepareTimes(ops, [981, 961]));            // eight residual blocks
        (UnetTimes times, UnetContext context, Tensor latents) = Prepare(ops, unet, batch: 2, side: 8, SmallUnet);
        AssertLeaves(ops, 1, () => unet.Forward(ops, latents, times.Step(0), context));
        Shape image = default;
        AssertLeaves(ops, 1, () => image = Decode(ops));
        Assert.Equal(new Shape([1, 64, 64, 3]), image);
    }

    [Fact]
    public void Models_AllocateNothingOnceWarm()
    {
        using ShapeOps ops = new();
        using UnetModel unet = Load(ops, SmallUnet);
        using VaeDecoder decoder = VaeDecoder.Load(ops, Formula(CheckpointShapes.Vae(new VaeConfig())), new VaeConfig());
        using FgaEmbedder embedder = FgaEmbedder.Load(ops, Formula(CheckpointShapes.Embedder(2304, 768)));
        using BeatsEncoder beats = BeatsEncoder.Load(ops, Formula(CheckpointShapes.Beats(PublishedConfigs.Beats)), PublishedConfigs.Beats);
        using ClipTextModel text = ClipTextModel.Load(ops, Formula(CheckpointShapes.ClipText(PublishedConfigs.ClipSd1)), PublishedConfigs.ClipSd1);
        using TensorScope scope = ops.Scope();
        (UnetTimes times, UnetContext context, Tensor latents) = Prepare(ops, unet, batch: 2, side: 8, SmallUnet);
        Tensor ids = ops.New([2, 77], DType.I32), raw = ops.New([1, 8, 8, 4]), fbank = ops.New([1, 998, 128]); // a shape written out takes memory in unoptimised code

        for (int i = 0; i < 3; i++)
            RunAll();
        Assert.Equal(0, ManagedMemory.AllocatedBy(RunAll));

        void RunAll()
        {
            using TensorScope inner = ops.Scope();
            unet.Forward(ops, latents, times.Step(1), context);
            decoder.Forward(ops, decoder.Unscale(ops, raw));
            Tensor token = embedder.Forward(ops, beats.Forward(ops, fbank));
            text.Forward(ops, ids, 49408, token);
        }
    }

    [Fact]
    public void Unet_TimesOfSamplesDoNotMix()
    {
        using ReferenceOps ops = new();
        using FormulaCheckpoint checkpoint = Formula(CheckpointShapes.Unet(SmallUnet));
        using UnetModel unet = UnetModel.Load(ops, checkpoint, SmallUnet);
        using TensorScope scope = ops.Scope();
        Shape one = [1, 5, 6, 4];
        Tensor latents = ops.Upload(WeightFormula.GaussLike("latents", one), one);
        Tensor conditioning = ops.Upload(WeightFormula.GaussLike("context", [1, 7, 24]), [1, 7, 24]);
        UnetTimes times = unet.PrepareTimes(ops, [981, 1]);

        UnetContext alone = unet.PrepareContext(ops, conditioning);
        double[] first = ops.Download(unet.Forward(ops, latents, times.Step(0), alone));
        double[] second = ops.Download(unet.Forward(ops, latents, times.Step(1), alone));
        UnetContext pair = unet.PrepareContext(ops, ops.RepeatBatch(conditioning, 2));
        double[] both = ops.Download(unet.Forward(ops, ops.RepeatBatch(latents, 2), times.PerSample(), pair));

        Assert.NotEqual(first, second);
        Assert.Equal([.. first, .. second], both);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)] // the first cross-attention stands on the coarser level: more is shared
    public void Unet_UnderSeveralConditionings_GivesWhatRepeatedLatentsGive(bool finestAttention)
    {
        UnetConfig config = SmallUnet with { DownAttention = [finestAttention, !finestAttention] };
        using ReferenceOps ops = new();
        using FormulaCheckpoint checkpoint = Formula(CheckpointShapes.Unet(config));
        using UnetModel unet = UnetModel.Load(ops, checkpoint, config);
        using TensorScope scope = ops.Scope();
        Shape two = [2, 5, 6, 4], six = [6, 7, 24];
        Tensor latents = ops.Upload(WeightFormula.GaussLike("latents", two), two);
        UnetContext context = unet.PrepareContext(ops, ops.Upload(WeightFormula.GaussLike("context", six), six));
        UnetTime time = unet.PrepareTimes(ops, [981]).Step(0);

        double[] plain = ops.Download(unet.Forward(ops, ops.RepeatBatch(latents, 3), time, context));
        int live = ops.LiveCount;
        Tensor shared = unet.Forward(ops, latents, time, context);
        Assert.Equal(1, ops.LiveCount - live);
        Assert.Equal(new Shape([6, 5, 6, 4]), shared.Shape);
        Assert.Equal(plain, ops.Download(shared)); // the same sums in the same order
    }

    [Fact]
    public void Unet_UnderGuidance_ComputesOnceWhatBothHalvesShare()
    {
        using ShapeOps shapes = new();
        UnetConfig config = PublishedConfigs.UnetSd1;
        using UnetModel unet = Load(shapes, config);
        using TensorScope scope = shapes.Scope();
        (UnetTimes times, UnetContext context, Tensor latents) = Prepare(shapes, unet, batch: 2, side: 64, config);
        CountsProducts plain = new(shapes), shared = new(shapes);
        unet.Forward(plain, latents, times.Step(0), context);
        unet.Forward(shared, latents.Slice(0, 1), times.Step(0), context);

        // conv_in; the first residual block's convolutions; proj_in, q, k, v and out; scores and weighted values.
        const long pixels = 64 * 64, channels = 320;
        const long once = pixels * channels * ((9 * 4) + (2 * 9 * channels) + (5 * channels) + (2 * pixels));
        Assert.Equal(once, plain.Products - shared.Products);
        Assert.InRange(plain.Products, 795_000_000_000, 805_000_000_000); // 1.6 TFLOP
    }

    [Fact]
    public void Unet_RefusesAContextThatDoesNotDivideAmongTheLatents()
    {
        using ShapeOps ops = new();
        using UnetModel unet = Load(ops, SmallUnet);
        using TensorScope scope = ops.Scope();
        (UnetTimes times, UnetContext context, Tensor latents) = Prepare(ops, unet, batch: 3, side: 8, SmallUnet);
        ShapeException refusal = Assert.Throws<ShapeException>(() => unet.Forward(ops, latents.Slice(0, 2), times.Step(0), context));
        Assert.Equal("Unet: the context is of 3 samples, wanted a multiple of the latents', [2, 8, 8, 4].", refusal.Message);
    }

    [Fact]
    public void Unet_AfterACancelledCall_GivesWhatItGaveBefore()
    {
        using ReferenceOps ops = new();
        using FormulaCheckpoint checkpoint = Formula(CheckpointShapes.Unet(SmallUnet));
        using UnetModel unet = UnetModel.Load(ops, checkpoint, SmallUnet);
        using TensorScope scope = ops.Scope();
        Shape shape = [1, 4, 4, 4];
        Tensor latents = ops.Upload(WeightFormula.GaussLike("latents", shape), shape);
        UnetTimes times = unet.PrepareTimes(ops, [500]);
        UnetContext context = unet.PrepareContext(ops, ops.Upload(WeightFormula.GaussLike("context", [1, 7, 24]), [1, 7, 24]));
        double[] expected = ops.Download(unet.Forward(ops, latents, times.Step(0), context));

        int live = ops.LiveCount;
        for (int operations = 0; operations < 200; operations += 13)
        {
            using StopsAfter stopping = new(ops, operations);
            try
            {
                ops.Download(unet.Forward(stopping, latents, times.Step(0), context));
                break; // the whole call fits
            }
            catch (OperationCanceledException)
            {
                Assert.Equal(live, ops.LiveCount);
            }
        }

        Assert.Equal(expected, ops.Download(unet.Forward(ops, latents, times.Step(0), context)));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(2)]
    public void UnetTimes_RefuseAStepThatWasNotPrepared(int step)
    {
        using ShapeOps ops = new();
        using UnetModel unet = Load(ops, SmallUnet);
        using TensorScope scope = ops.Scope();
        Assert.Throws<ArgumentOutOfRangeException>(() => unet.PrepareTimes(ops, [1, 2]).Step(step));
    }

    internal static double[] Predict(TensorCollection tensors, UnetConfig config)
    {
        using ReferenceOps ops = new();
        using UnetModel unet = UnetModel.Load(ops, tensors, config);
        using TensorScope scope = ops.Scope();
        Shape shape = [1, 4, 4, 4], contextShape = [1, 7, config.ContextWidth];
        UnetContext context = unet.PrepareContext(ops, ops.Upload(WeightFormula.GaussLike("context", contextShape), contextShape));
        Tensor latents = ops.Upload(WeightFormula.GaussLike("latents", shape), shape);
        return ops.Download(unet.Forward(ops, latents, unet.PrepareTimes(ops, [500]).Step(0), context));
    }

    private static Shape Decode(ShapeOps ops)
    {
        VaeConfig config = new();
        using VaeDecoder decoder = VaeDecoder.Load(ops, Formula(CheckpointShapes.Vae(config)), config);
        using TensorScope scope = ops.Scope();
        return scope.Keep(decoder.Forward(ops, ops.New([1, 8, 8, 4]))).Shape;
    }

    private static void AssertLeaves(ShapeOps ops, int storages, Action run)
    {
        int before = ops.LiveCount;
        run();
        Assert.Equal(storages, ops.LiveCount - before);
    }

    private static UnetModel Load(ShapeOps ops, UnetConfig config) => UnetModel.Load(ops, Formula(CheckpointShapes.Unet(config)), config);

    private static FormulaCheckpoint Formula(IReadOnlyDictionary<string, Shape> shapes) => new("behaviour/", shapes);

    private static (UnetTimes Times, UnetContext Context, Tensor Latents) Prepare(ShapeOps ops, UnetModel unet, int batch, int side, UnetConfig config) => (
        unet.PrepareTimes(ops, [981, 961]),
        unet.PrepareContext(ops, ops.New([batch, 77, config.ContextWidth])),
        ops.New([batch, side, side, 4]));

    // Multiplications of matrix products, convolutions and attention.
    private sealed class CountsProducts(ITensorOps inner) : DelegatingOps(inner)
    {
        public long Products { get; private set; }

        public override Tensor Linear(Tensor x, Weight weight, in Epilogue epilogue)
        {
            Products += x.Shape.Count * weight.Shape[0];
            return base.Linear(x, weight, epilogue);
        }

        public override Tensor Conv2d(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, Tensor skip = default)
        {
            Tensor result = base.Conv2d(x, weight, geometry, epilogue, skip);
            Products += result.Shape.Count * (weight.Shape.Count / weight.Shape[0]);
            return result;
        }

        public override Tensor Attention(Tensor q, Tensor k, Tensor v, in AttentionOptions options)
        {
            Products += 2 * q.Shape.Count * k.Shape[1];
            return base.Attention(q, k, v, options);
        }

        protected override void Before(string operation)
        {
        }
    }

    private sealed class StopsAfter(ITensorOps inner, int operations) : DelegatingOps(inner)
    {
        private int _left = operations;

        protected override void Before(string operation)
        {
            if (_left-- == 0)
                throw new OperationCanceledException();
        }
    }
}
