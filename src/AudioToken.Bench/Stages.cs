using System.Globalization;
using AudioToken.Audio;
using AudioToken.Bench.Synthetic;
using AudioToken.Models.Beats;
using AudioToken.Models.Clip;
using AudioToken.Models.Fga;
using AudioToken.Models.Unet;
using AudioToken.Models.Vae;
using AudioToken.Pipelines;
using AudioToken.Sampling;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Bench;

/// <summary>The stages of a generation by name, with inputs made by formula: those of benchmarks/pytorch/stages.py.</summary>
/// <remarks>Keeps the network of the last stage, so that stages of one network in a row load it once.</remarks>
/// <param name="ops">The backend.</param>
/// <param name="model">Where the weights come from.</param>
public sealed class Stages(ITensorOps ops, BenchModel model) : IDisposable
{
    private const int MelBins = 128, PatchSide = 16, Steps = 50;
    private const float Timestep = 981, GuidanceScale = 7.5f;

    /// <summary>Names of the stages that have a batch of their own: <c>unet-2</c> is a forward pass at batch 2 that makes what depends on text and
    /// time alone too, <c>step-2</c> a step of the denoising loop as a pipeline runs it, with guidance and the sampler's part (PNDM): that is made before, and
    /// batch 2 is one picture with guidance.</summary>
    public const string Unet = "unet", Step = "step";

    /// <summary>All names.</summary>
    public static readonly IReadOnlyList<string> Names = ["fbank", "beats", "embedder", "text", Unet, Step, "vae"];

    private ModelComponent? _loaded;
    private IDisposable? _network;

    private int Samples => model.Size.Seconds * Fbank.SampleRateHz;

    private int Frames => (Samples - Fbank.FrameLength) / Fbank.FrameShift + 1;

    private int Patches => Frames / PatchSide * (MelBins / PatchSide);

    /// <summary>True for a stage of which there is one for each batch.</summary>
    public static bool HasBatch(string name) => name is Unet or Step;

    /// <summary>Makes a stage's inputs, which the open scope owns, and loads its network, which is at hand until the next call.</summary>
    /// <param name="name">One of <see cref="Names"/>; of those with a batch with it, e.g. <c>unet-2</c>.</param>
    public Stage Build(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name switch
        {
            "fbank" => FilterBank(),
            "beats" => Beats(),
            "embedder" => Embedder(),
            "text" => Text(),
            _ when Batch(name, Unet) is { } batch => Forward(batch),
            _ when Batch(name, Step) is { } batch => LoopStep(batch),
            "vae" => Vae(),
            _ => throw new ArgumentException($"No stage '{name}'; there are {string.Join(", ", Names)}.", nameof(name)),
        };
    }

    /// <summary>Frees the network.</summary>
    public void Dispose()
    {
        _network?.Dispose();
        _network = null;
        _loaded = null;
    }

    private static int? Batch(string name, string of) => name.StartsWith(of + "-", StringComparison.Ordinal)
        ? int.Parse(name.AsSpan(of.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture)
        : null;

    private TNetwork Load<TNetwork>(ModelComponent component, Func<TensorCollection, TNetwork> load)
        where TNetwork : IDisposable
    {
        if (_loaded == component)
            return (TNetwork)_network!;
        Dispose();
        using TensorCollection weights = model.Open(component);
        TNetwork network = load(weights);
        (_loaded, _network) = (component, network);
        return network;
    }

    private Stage FilterBank()
    {
        float[] samples = WeightFormula.Uniform("bench/samples", [Samples]);
        return new Stage(o => o.LogMel(samples, Fbank.Form));
    }

    private Stage Beats()
    {
        BeatsEncoder network = Load(ModelComponent.Beats, weights => BeatsEncoder.Load(ops, weights, model.Size.Beats));
        Tensor fbank = Gaussian("bench/fbank", [1, Frames, MelBins]);
        return new Stage(o => network.Forward(o, fbank));
    }

    private Stage Embedder()
    {
        FgaEmbedder network = Load(ModelComponent.Embedder, weights => FgaEmbedder.Load(ops, weights));
        Tensor features = Gaussian("bench/features", [1, Patches, network.Config.InputWidth]);
        return new Stage(o => network.Forward(o, features));
    }

    private Stage Text()
    {
        ClipTextConfig config = model.Size.Text;
        int begin = config.VocabularySize - 2, end = config.VocabularySize - 1, placeholder = config.VocabularySize;
        int[] prompt = [begin, .. ((int[])[320, 1125, 539]).Select(Word), placeholder, .. ((int[])[267, 275, 330, 267, 1400, 9977]).Select(Word), end];
        int[] ids = new int[2 * config.MaxPositions];
        Array.Fill(ids, end);
        ids[0] = begin;
        prompt.CopyTo(ids, config.MaxPositions);
        ClipTextModel network = Load(ModelComponent.Text, weights => ClipTextModel.Load(ops, weights, config));
        Tensor tokens = ops.Upload(ids, [2, config.MaxPositions]), audioToken = Gaussian("bench/token", [1, config.Width]);
        return new Stage(o => network.Forward(o, tokens, placeholder, audioToken));

        int Word(int id) => id % begin;
    }

    private UnetModel UnetNetwork() => Load(ModelComponent.Unet, weights => UnetModel.Load(ops, weights, model.Size.Unet));

    private Tensor Conditioning(int batch) => Gaussian("bench/context", [batch, model.Size.Text.MaxPositions, model.Size.Unet.ContextWidth]);

    // What depends on text and time alone is counted too: PyTorch does it at every step.
    private Stage Forward(int batch)
    {
        UnetModel network = UnetNetwork();
        Tensor latents = Map("bench/latents", batch), conditioning = Conditioning(batch);
        return new Stage(o =>
        {
            using TensorScope scope = o.Scope();
            return scope.Keep(network.Forward(o, latents, network.PrepareTimes(o, [Timestep]).Step(0), network.PrepareContext(o, conditioning)));
        });
    }

    // Of an even batch half are the same latents without a prompt.
    private Stage LoopStep(int batch)
    {
        UnetModel network = UnetNetwork();
        int pictures = batch % 2 == 0 ? batch / 2 : batch, side = model.Size.Unet.SampleSize;
        SamplerPlan plan = SamplerFactory.Create(SamplerKind.Pndm, karras: null, SchedulerConfig.Parse(model.Files.SchedulerConfigJson).ForStableDiffusion(), Steps);
        Tensor noise = Map("bench/latents", pictures), fault = ops.Upload([0f, 0, 0], [3]);
        DenoisingLoop loop = new()
        {
            Plan = plan,
            Unet = network,
            Times = network.PrepareTimes(ops, [.. plan.Steps.Select(step => (float)step.Timestep)]),
            Context = network.PrepareContext(ops, Conditioning(batch)),
            GuidanceScale = GuidanceScale,
            Noise = new LatentNoise(NoiseStreams.ForBatch(seed: 1, pictures), side, side), // of which this sampler draws none
        };
        SamplerRun first = loop.Start(ops, noise);
        return new Stage(o => Take(o, first, new StepIndex(0)))
        {
            Loop = new StageLoop(plan.Steps.Length, () =>
            {
                SamplerRun run = loop.Start(ops, noise);
                return (o, index) => Take(o, run, index);
            }),
        };

        Tensor Take(ITensorOps o, SamplerRun run, StepIndex index)
        {
            loop.Step(o, run, index, fault);
            return run.Prediction;
        }
    }

    private Stage Vae()
    {
        VaeDecoder network = Load(ModelComponent.Vae, weights => VaeDecoder.Load(ops, weights, model.Size.Vae));
        Tensor latents = Map("bench/vae", 1);
        return new Stage(o => network.Forward(o, latents));
    }

    private Tensor Gaussian(string key, Shape shape) => ops.Upload(WeightFormula.GaussLike(key, shape), shape);

    private Tensor Map(string key, int batch)
    {
        int side = model.Size.Unet.SampleSize;
        float[] channelsFirst = WeightFormula.GaussLike(key, [batch, 4, side, side]), channelsLast = new float[channelsFirst.Length];
        ChannelLayout.ToChannelsLast(channelsFirst, channelsLast, channels: 4, pixels: side * side);
        return ops.Upload(channelsLast, [batch, side, side, 4]);
    }
}
