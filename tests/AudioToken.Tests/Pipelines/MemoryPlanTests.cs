using System.Runtime.Intrinsics;
using AudioToken.Backends.Cpu;
using AudioToken.Models.Beats;
using AudioToken.Models.Clip;
using AudioToken.Models.Fga;
using AudioToken.Models.Unet;
using AudioToken.Models.Vae;
using AudioToken.Pipelines;
using AudioToken.Sampling;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Tests.Models;
using AudioToken.Tests.Weights;
using AudioToken.Weights;
using AudioToken.WeightsConverter;
using Xunit;
using TinyModel = AudioToken.Testing.TinyModel;

namespace AudioToken.Tests.Pipelines;

/// <summary>What a generation would take, against what it takes.</summary>
public sealed class MemoryPlanTests(TinyPipeline tiny, ITestOutputHelper output) : IClassFixture<TinyPipeline>
{
    [Theory]
    [InlineData(1, 1, 7.5f, SamplerKind.Ddim, 64)]
    [InlineData(3, 2, 7.5f, SamplerKind.DpmSolverPlusPlus2M, 96)]
    [InlineData(1, 1, 1f, SamplerKind.Pndm, 128)]
    [InlineData(2, 2, 7.5f, SamplerKind.EulerAncestral, 64)]
    [InlineData(1, 1, 7.5f, SamplerKind.Lcm, 64)]
    public void Plan_IsToTheByteWhatARunTakes(int count, int batchSize, float guidance, SamplerKind sampler, int side)
    {
        GenerationRequest request = TinyPipeline.Request with { Count = count, BatchSize = batchSize, GuidanceScale = guidance, Sampler = sampler, Width = side };
        AssertTakes(tiny.Files, request);
    }

    [Fact]
    public void Plan_OfATiledDecode_IsToTheByteWhatARunTakes_AndLess()
    {
        GenerationRequest request = TinyPipeline.Request with { Width = 256, Height = 256, Steps = 1 };
        MemoryPlan whole = Plan(tiny.Files, request), tiled = AssertTakes(tiny.Files, request with { TiledVae = true });
        long Decoding(MemoryPlan plan) => plan.Stages.Single(stage => stage.Stage == GenerationPhase.Decoding).Bytes;
        output.WriteLine($"decoding takes {Decoding(whole) / 1e6:0.0} MB whole, {Decoding(tiled) / 1e6:0.0} MB in strips");
        Assert.InRange(Decoding(tiled), 1, Decoding(whole) - 1);
    }

    [Fact]
    public void Plan_OfCallsInARow_IsToTheByteWhatTheyTake()
    {
        GenerationRequest first = TinyPipeline.Request with { Steps = 1 };
        MemoryPlan plan = Plan(tiny.Files, [.. Enumerable.Range(0, 3).Select(i => first with { Seed = (ulong)i })]);
        CpuOps ops = TinyPipeline.NewOps();
        using AudioToImagePipeline pipeline = AudioToImagePipeline.Load(tiny.Files, ops, new LoadOptions { HashModel = false });
        IReadOnlyList<ReadOnlyMemory<float>> tokens = pipeline.Generate(first, cancellation: TinyPipeline.TestEnd).AudioTokens;
        for (int i = 1; i < 3; i++)
            pipeline.Generate(first.WithTokens(tokens) with { Seed = (ulong)i }, cancellation: TinyPipeline.TestEnd);
        Assert.Equal(4, plan.Stages.Count);
        Assert.Equal((ops.Memory.WeightBytes, ops.Memory.PeakHeldBytes), (plan.WeightBytes, plan.TensorBytes));
    }

    [Fact]
    public void Plan_OfAModelWithALora_IsToTheByteWhatARunTakes()
    {
        using TinyModel model = new(lora: true);
        using ModelFiles files = model.Open();
        AssertTakes(files, TinyPipeline.Request);
    }

    [Fact]
    public void Plan_OfTheDemonstration_IsToTheByteWhatARunTakes()
    {
        using ModelFiles files = ModelFiles.Open(Path.Combine(AppContext.BaseDirectory, "Demo", "demo.safetensors"));
        AssertTakes(files, TinyPipeline.Request with { Width = 0, Height = 0, Steps = 1 });
    }

    [Fact]
    public void AModelInHalfPrecision_RestsInTwoBytesAWeightOfAProduct()
    {
        using TemporaryFolder folder = new();
        string bundle = Path.Combine(folder.Path, "half.safetensors");
        new BundleBuilder { Policy = DTypePolicy.F16 }.Build(tiny.Files, bundle, cancellationToken: TinyPipeline.TestEnd);
        using ModelFiles files = ModelFiles.Open(bundle);
        CpuOps ops = TinyPipeline.NewOps();
        NotingOps noting = new(ops);
        using (LoadedModel.Load(files, noting, new LoadOptions { HashModel = false }))
        {
            // The columns of a product are filled up to whole vectors; BEATs' position kernel is computed at load, in fp32.
            Assert.Equal((2 * noting.PaddedInProducts) + (4 * noting.PaddedOthers), ops.Memory.WeightBytes);
            Assert.True(noting.InProducts > 0);
        }

        ops.Dispose();
        AssertTakes(files, TinyPipeline.Request);
    }

    [Theory]
    [InlineData(false, 3_000_000_000, 3_600_000_000)]
    [InlineData(true, 2_400_000_000, 3_000_000_000)]
    public void StableDiffusion1_InHalfPrecision_FitsIn3600Megabytes_AndDecodedInStripsIn3000(bool tiledVae, long least, long most)
    {
        // The published shapes in F16, one guided picture of 512x512.
        using CountingOps counting = CpuOps.Count(new CpuOptions { Threads = 2 });
        using NotingOps ops = new(counting);
        UnetConfig config = PublishedConfigs.UnetSd1;
        using BeatsEncoder beats = BeatsEncoder.Load(ops, Halves(CheckpointShapes.Beats(PublishedConfigs.Beats)), PublishedConfigs.Beats);
        using FgaEmbedder embedder = FgaEmbedder.Load(ops, Halves(CheckpointShapes.Embedder(2304, 768)));
        using ClipTextModel text = ClipTextModel.Load(ops, Halves(CheckpointShapes.ClipText(PublishedConfigs.ClipSd1)), PublishedConfigs.ClipSd1);
        using UnetModel unet = UnetModel.Load(ops, Halves(CheckpointShapes.Unet(config)), config);
        using VaeDecoder vae = VaeDecoder.Load(ops, Halves(CheckpointShapes.Vae(new VaeConfig())), new VaeConfig());
        using TensorScope scope = ops.Scope();
        Tensor features = beats.Forward(ops, ops.Upload(new float[998 * 128], [1, 998, 128]));
        Tensor token = embedder.Forward(ops, features);
        Tensor ids = ops.Upload(new int[77], [1, 77]), hidden = text.Forward(ops, ids, -1, token);
        UnetTimes times = unet.PrepareTimes(ops, Enumerable.Range(0, 50).Select(i => 981f - (i * 20)).ToArray());
        UnetContext context = unet.PrepareContext(ops, ops.RepeatBatch(hidden, 2));
        Tensor latents = ops.Upload(new float[64 * 64 * 4], [1, 64, 64, 4]);
        for (int i = 0; i < 3; i++)
        {
            using TensorScope step = ops.Scope();
            unet.Forward(ops, latents, times.Step(i), context);
        }

        output.WriteLine($"before decoding: tensors {counting.Memory.PeakHeldBytes / 1e6:0} MB, live at most {counting.Memory.PeakLiveBytes / 1e6:0} MB");
        (long products, long others) = (ops.InProducts, ops.Others);
        _ = tiledVae ? vae.ForwardTiled(ops, vae.Unscale(ops, latents)) : vae.Forward(ops, vae.Unscale(ops, latents));
        MemoryUse memory = counting.Memory;
        output.WriteLine($"weights {memory.WeightBytes / 1e6:0} MB, tensors {memory.PeakHeldBytes / 1e6:0} MB, live at most {memory.PeakLiveBytes / 1e6:0} MB");
        Assert.InRange(memory.WeightBytes, (2 * products) + (4 * others), (2.002 * products) + (4 * others));
        Assert.InRange(memory.WeightBytes, 2_200_000_000, 2_400_000_000);
        Assert.InRange(memory.WeightBytes + memory.PeakHeldBytes, least, most);

        static ArrayCheckpoint Halves(IReadOnlyDictionary<string, Shape> shapes) => ArrayCheckpoint.Constant(shapes, DType.F16, 1);
    }

    [Fact]
    public void Plan_SaysWhatWouldBeDone_AndRefusesWhatARunWould()
    {
        MemoryPlan plan = Plan(tiny.Files, TinyPipeline.Request with { Prompt = "a forest" });
        Assert.Equal(
            ((64, 64), "DDIM", 3, "a forest <*>"), (plan.Size, plan.Sampler, plan.UnetCalls, plan.Prompt));
        Assert.Contains("<*>", Assert.Single(plan.Warnings), StringComparison.Ordinal);
        Assert.Equal([ModelComponent.Beats, ModelComponent.Embedder, ModelComponent.Text, ModelComponent.Unet, ModelComponent.Vae], plan.Weights.Select(part => part.Component));
        Assert.Equal(
            [GenerationPhase.EncodingSound, GenerationPhase.EncodingText, GenerationPhase.Denoising, GenerationPhase.Decoding], plan.Stages.Select(stage => stage.Stage));
        Assert.All(plan.Stages, stage => Assert.InRange(stage.Bytes, 1, plan.TensorBytes));
        Assert.Equal(plan.WeightBytes + plan.TensorBytes, plan.PeakBytes);
        Assert.Equal(2022, Assert.Throws<AudioTokenException>(() => Plan(tiny.Files, TinyPipeline.Request with { GuidanceScale = -1 })).Code);
    }

    private static MemoryPlan AssertTakes(ModelFiles files, GenerationRequest request)
    {
        MemoryPlan plan = Plan(files, request);
        CpuOps ops = TinyPipeline.NewOps();
        using AudioToImagePipeline pipeline = AudioToImagePipeline.Load(files, ops, new LoadOptions { HashModel = false });
        pipeline.Generate(request, cancellation: TinyPipeline.TestEnd);
        Assert.Equal((ops.Memory.WeightBytes, ops.Memory.PeakHeldBytes), (plan.WeightBytes, plan.TensorBytes));
        return plan;
    }

    private static MemoryPlan Plan(ModelFiles files, params IReadOnlyList<GenerationRequest> calls)
    {
        using CountingOps ops = CpuOps.Count(new CpuOptions { Threads = 1 });
        MemoryPlan plan = MemoryPlan.Make(files, ops, calls, new LoadOptions(), TinyPipeline.TestEnd);
        Assert.Equal((0, 0), (ops.Memory.WeightBytes, ops.Memory.LiveBytes));
        return plan;
    }

    /// <summary>Notes how many values are loaded for products in the type of the file, and for all else.</summary>
    private sealed class NotingOps(ITensorOps inner) : DelegatingOps(inner)
    {
        private static readonly int s_vector = Vector512.IsHardwareAccelerated ? 16 : Vector256.IsHardwareAccelerated ? 8 : 4;

        public long InProducts { get; private set; }

        public long PaddedInProducts { get; private set; }

        public long Others { get; private set; }

        public long PaddedOthers { get; private set; }

        public override Weight LoadWeight(WeightSource source, WeightRole role)
        {
            Shape shape = source.Shape;
            int groups = role == WeightRole.GroupedConv1d ? shape[0] / shape[1] : 1;
            bool panels = role is WeightRole.Linear or WeightRole.Conv2d or WeightRole.DoublingConv2d or WeightRole.GroupedConv1d;
            int columns = panels ? shape[0] / groups : 1;
            long padded = panels ? (columns + s_vector - 1) / s_vector * s_vector * (shape.Count / columns) : shape.Count;
            if (role is WeightRole.Linear or WeightRole.Conv2d or WeightRole.DoublingConv2d)
                (InProducts, PaddedInProducts) = (InProducts + shape.Count, PaddedInProducts + padded);
            else
                (Others, PaddedOthers) = (Others + shape.Count, PaddedOthers + padded);
            return base.LoadWeight(source, role);
        }

        protected override void Before(string operation)
        {
        }
    }
}
