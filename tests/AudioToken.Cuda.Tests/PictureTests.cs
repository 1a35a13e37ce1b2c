using System.Globalization;
using AudioToken.Audio;
using AudioToken.Backends.Cuda;
using AudioToken.Models.Beats;
using AudioToken.Models.Clip;
using AudioToken.Models.Fga;
using AudioToken.Models.Unet;
using AudioToken.Models.Vae;
using AudioToken.Pipelines;
using AudioToken.Sampling;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Cuda.Tests;

/// <summary>What a picture of 512x512 by Stable Diffusion 1.4 asks of the device, counted by an emulated one that runs nothing.</summary>
public sealed class PictureTests(ITestOutputHelper output)
{
    // Calls that no step makes, and such that only the first makes.
    private static readonly string[] s_never = ["cuMemAllocAsync", "cuMemFreeAsync", "bytes.up", "bytes.down", "bytes.device", "cuStreamQuery", "cuStreamSynchronize", "cuEventSynchronize"];
    private static readonly string[] s_first = ["cuLaunchKernel", "cuLaunchKernelEx"];
    private static readonly string[] s_counted = ["kernels", "graphs", "cuEventQuery", .. s_first, .. s_never]; // in the order of the output

    private static readonly SchedulerConfig s_scheduler = SchedulerConfig.Parse(
        """{"_class_name": "PNDMScheduler", "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1, "skip_prk_steps": true}""");

    private const int Steps = 12;

    [Fact]
    public void Picture_AtRealSize_IsOneGraphLaunchAStep() => Setup.Run(setup =>
    {
        EmulatedDevice device = setup.Emulator;
        device.Set("execute", 0);
        using CudaOps ops = new(new CudaOptions { Storage = DType.F16, KernelCacheFolder = null });
        UnetConfig config = new() { ContextWidth = 768 };
        ClipTextConfig textConfig = new() { Width = 768, Heads = 12, FeedForwardWidth = 3072 };
        BeatsConfig beatsConfig = new() { DeepNorm = true, RelativePositions = true, GatedPositions = true };
        VaeConfig vaeConfig = new();
        using BeatsEncoder beats = BeatsEncoder.Load(ops, Ones(CheckpointShapes.Beats(beatsConfig)), beatsConfig);
        using FgaEmbedder embedder = FgaEmbedder.Load(ops, Ones(CheckpointShapes.Embedder(beatsConfig.OutputWidth, textConfig.Width)));
        using ClipTextModel text = ClipTextModel.Load(ops, Ones(CheckpointShapes.ClipText(textConfig)), textConfig);
        using UnetModel unet = UnetModel.Load(ops, Ones(CheckpointShapes.Unet(config)), config);
        using VaeDecoder vae = VaeDecoder.Load(ops, Ones(Decoder(CheckpointShapes.Vae(vaeConfig))), vaeConfig);

        using TensorScope scope = ops.Scope();
        Tensor token = Hear(device, ops, beats, embedder);
        Tensor states = text.Forward(ops, ops.Upload(new int[2 * 77], [2, 77]), 0, token.Reshape([1, 1, textConfig.Width]));
        UnetContext context = unet.PrepareContext(ops, states);
        foreach (SamplerKind sampler in Enum.GetValues<SamplerKind>())
            Loop(device, ops, unet, context, sampler, side: 64, kernels: 313);

        Tensor latents = ops.Upload(new float[64 * 64 * 4], [1, 64, 64, 4]);
        Traffic(device, ops, unet, context, latents);
        using (TensorScope decoding = ops.Scope())
            vae.Forward(ops, vae.Unscale(ops, latents));
        double held = device.Count("bytes.peak") / 1e9;
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{ops.WeightBytes / 1e9:0.000} GB of weights, {held:0.000} GB held at most"));
        Assert.InRange(held, 2.2, 3.2);
    });

    [Theory]
    [InlineData(64)]
    [InlineData(60)] // 15 of 8: the weight of an enlargement takes another form in the first step
    public void Loop_OfATinyModel_IsOneGraphLaunchAStep(int side) => Setup.Run(setup =>
    {
        setup.Emulator.Set("execute", 0);
        using CudaOps ops = new(new CudaOptions { Storage = DType.F16 });
        UnetConfig config = new() { Channels = [32, 64, 64, 64], ContextWidth = 32, NormGroups = 8, Heads = [4, 4, 4, 4] };
        using UnetModel unet = UnetModel.Load(ops, Ones(CheckpointShapes.Unet(config)), config);
        using TensorScope scope = ops.Scope();
        UnetContext context = unet.PrepareContext(ops, ops.Upload(new float[2 * 77 * 32], [2, 77, 32]));
        Loop(setup.Emulator, ops, unet, context, SamplerKind.Pndm, side, kernels: 313);
    });

    // 10 s of samples, of which the device makes all else; nothing but uploads is cast.
    private static Tensor Hear(EmulatedDevice device, CudaOps ops, BeatsEncoder beats, FgaEmbedder embedder)
    {
        float[] samples = new float[10 * Fbank.SampleRateHz];
        ops.LogMel(samples, Fbank.Form); // the first one's tables
        long bytes = device.Count("bytes.up"), kernels = device.Count("kernels");
        Tensor features = ops.LogMel(samples, Fbank.Form);
        Assert.Equal((sizeof(float) * samples.Length, 1), (device.Count("bytes.up") - bytes, device.Count("kernels") - kernels));
        Tensor token = embedder.Forward(ops, beats.Forward(ops, features));
        Assert.Equal((2, 0), (device.Count("kernel:log_mel_f16"), device.Count("kernel:cast_f32_to_f16")));
        return token;
    }

    // Kernels of a step; where the sampler draws noise there is one more, which takes the step's.
    private void Loop(EmulatedDevice device, CudaOps ops, UnetModel unet, UnetContext context, SamplerKind sampler, int side, int kernels)
    {
        ops.Trim(); // as for a process' first picture
        SamplerPlan plan = SamplerFactory.Create(sampler, karras: null, s_scheduler.ForStableDiffusion(), Steps);
        using TensorScope scope = ops.Scope();
        List<long[]> counts = [];
        DenoisingLoop loop = new()
        {
            Plan = plan,
            Unet = unet,
            Times = unet.PrepareTimes(ops, [.. plan.Steps.Select(step => (float)step.Timestep)]),
            Context = context,
            GuidanceScale = 7.5f,
            Noise = new LatentNoise(NoiseStreams.ForBatch(1, 1), side, side),
            Begins = _ => counts.Add([.. s_counted.Select(device.Count)]),
        };
        loop.Run(ops, ops.Upload(new float[side * side * 4], [1, side, side, 4]));
        Assert.Equal(plan.Steps.Length, counts.Count);
        for (int i = 1; i < counts.Count; i++)
        {
            long[] asked = [.. counts[i].Zip(counts[i - 1], (after, before) => after - before)];
            output.WriteLine($"{sampler} step {i - 1}: {string.Join(", ", s_counted.Zip(asked, (what, times) => $"{what} {times}"))}");
            Dictionary<string, long> of = s_counted.Zip(asked).ToDictionary();
            Assert.All(s_never, what => Assert.Equal(0, of[what]));
            Assert.Equal(kernels + (plan.NeedsNoise ? 1 : 0), of["kernels"]);
            Assert.InRange(of["cuEventQuery"], 0, 1); // whether a step that lies three back has ended
            // The first one is asked for by itself, and recorded; but by chance a loop may have been given the memory of the one before it.
            Assert.InRange(of["graphs"], i == 1 ? 0 : 1, 1);
            if (of["graphs"] == 1)
                Assert.All(s_first, what => Assert.Equal(0, of[what]));
        }
    }

    private void Traffic(EmulatedDevice device, CudaOps ops, UnetModel unet, UnetContext context, Tensor latents)
    {
        using TensorScope scope = ops.Scope();
        UnetTimes times = unet.PrepareTimes(ops, [981]);
        TrafficOps traffic = new(ops);
        long[] before = Norms();
        unet.Forward(traffic, latents, times.Step(0), context);
        long[] norms = [.. Norms().Zip(before, (after, earlier) => after - earlier)];
        output.WriteLine($"norms from told moments, by themselves: {string.Join(", ", norms)}");
        Assert.Equal([61, 0, 0], norms);

        long[] Norms() => [.. new[] { "group_norm_moments_f16", "group_norm_f16", "group_norm_plain_f16" }.Select(name => device.Count("kernel:" + name))];
        output.WriteLine(string.Join(", ", traffic.Each.Select(each => string.Create(CultureInfo.InvariantCulture, $"{each.Key} {each.Value / 1e6:0} MB"))));
        Assert.InRange(traffic.Bytes / 1e9, 1, 2.5);
        Assert.InRange(traffic.Each["Conv2d"] / 1e6, 100, 340); // the 14 shortcuts are neither written nor read
        Assert.InRange(traffic.Each["Linear"] / 1e6, 100, 1050); // nor is what lies between the 16 transformers' last two layers
    }

    private static Dictionary<string, Shape> Decoder(IReadOnlyDictionary<string, Shape> vae) =>
        vae.Where(entry => !entry.Key.StartsWith("encoder.", StringComparison.Ordinal) && !entry.Key.StartsWith("quant_conv.", StringComparison.Ordinal)).ToDictionary();

    private static ArrayCheckpoint Ones(IReadOnlyDictionary<string, Shape> shapes) => ArrayCheckpoint.Constant(shapes, DType.F16, 1);
}
