using System.Globalization;
using AudioToken.Audio;
using AudioToken.Bench.Synthetic;
using AudioToken.Models.Beats;
using AudioToken.Models.Clip;
using AudioToken.Models.Fga;
using AudioToken.Models.Unet;
using AudioToken.Models.Vae;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Bench;

/// <summary>The stages of a generation by name, with inputs made by formula: those of benchmarks/pytorch/stages.py.</summary>
public static class Stages
{
    // Ten seconds at 16 kHz, and what becomes of them: frames of 10 ms, patches of 16 by 16.
    private const int Samples = 160_000, Frames = 998, Patches = 496, MelBins = 128;

    /// <summary>Name of the stage that has a batch of its own: <c>unet-2</c> is a step at batch 2.</summary>
    public const string Unet = "unet";

    /// <summary>All names.</summary>
    public static readonly IReadOnlyList<string> Names = ["fbank", "beats", "embedder", "text", Unet, "vae"];

    /// <summary>Loads a stage's network and makes its inputs, which the open scope owns.</summary>
    /// <param name="ops">The backend.</param>
    /// <param name="model">Where the weights come from.</param>
    /// <param name="name">One of <see cref="Names"/>; of the UNet with its batch, e.g. <c>unet-2</c>.</param>
    public static Stage Build(ITensorOps ops, BenchModel model, string name)
    {
        ArgumentNullException.ThrowIfNull(ops);
        ArgumentNullException.ThrowIfNull(model);
        return name switch
        {
            "fbank" => FilterBank(),
            "beats" => Beats(ops, model),
            "embedder" => Embedder(ops, model),
            "text" => Text(ops, model),
            _ when name.StartsWith(Unet + "-", StringComparison.Ordinal) => Step(ops, model, int.Parse(name.AsSpan(Unet.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture)),
            "vae" => Vae(ops, model),
            _ => throw new ArgumentException($"No stage '{name}'; there are {string.Join(", ", Names)}.", nameof(name)),
        };
    }

    private static Stage FilterBank()
    {
        float[] samples = WeightFormula.Uniform("bench/samples", [Samples]);
        return new Stage(o => o.Upload(Fbank.Compute(samples), [1, Frames, MelBins]), null);
    }

    private static Stage Beats(ITensorOps ops, BenchModel model)
    {
        using TensorCollection weights = model.Open(ModelComponent.Beats);
        BeatsEncoder network = BeatsEncoder.Load(ops, weights, model.Size.Beats);
        Tensor fbank = Gaussian(ops, "bench/fbank", [1, Frames, MelBins]);
        return new Stage(o => network.Forward(o, fbank), network);
    }

    private static Stage Embedder(ITensorOps ops, BenchModel model)
    {
        using TensorCollection weights = model.Open(ModelComponent.Embedder);
        FgaEmbedder network = FgaEmbedder.Load(ops, weights);
        Tensor features = Gaussian(ops, "bench/features", [1, Patches, network.Config.InputWidth]);
        return new Stage(o => network.Forward(o, features), network);
    }

    private static Stage Text(ITensorOps ops, BenchModel model)
    {
        ClipTextConfig config = model.Size.Text;
        int begin = config.VocabularySize - 2, end = config.VocabularySize - 1, placeholder = config.VocabularySize;
        int[] prompt = [begin, .. ((int[])[320, 1125, 539]).Select(Word), placeholder, .. ((int[])[267, 275, 330, 267, 1400, 9977]).Select(Word), end];
        int[] ids = new int[2 * config.MaxPositions];
        Array.Fill(ids, end);
        ids[0] = begin;
        prompt.CopyTo(ids, config.MaxPositions);
        using TensorCollection weights = model.Open(ModelComponent.Text);
        ClipTextModel network = ClipTextModel.Load(ops, weights, config);
        Tensor tokens = ops.Upload(ids, [2, config.MaxPositions]), audioToken = Gaussian(ops, "bench/token", [1, config.Width]);
        return new Stage(o => network.Forward(o, tokens, placeholder, audioToken), network);

        int Word(int id) => id % begin;
    }

    private static Stage Step(ITensorOps ops, BenchModel model, int batch)
    {
        UnetConfig config = model.Size.Unet;
        using TensorCollection weights = model.Open(ModelComponent.Unet);
        UnetModel network = UnetModel.Load(ops, weights, config);
        Tensor latents = Map(ops, "bench/latents", batch, config.SampleSize);
        Tensor conditioning = Gaussian(ops, "bench/context", [batch, model.Size.Text.MaxPositions, config.ContextWidth]);
        // What depends on text and time alone is counted too: PyTorch does it at every step.
        return new Stage(
            o =>
            {
                using TensorScope scope = o.Scope();
                return scope.Keep(network.Forward(o, latents, network.PrepareTimes(o, [981f]).Step(0), network.PrepareContext(o, conditioning)));
            },
            network);
    }

    private static Stage Vae(ITensorOps ops, BenchModel model)
    {
        using TensorCollection weights = model.Open(ModelComponent.Vae);
        VaeDecoder network = VaeDecoder.Load(ops, weights, model.Size.Vae);
        Tensor latents = Map(ops, "bench/vae", 1, model.Size.Unet.SampleSize);
        return new Stage(o => network.Forward(o, latents), network);
    }

    private static Tensor Gaussian(ITensorOps ops, string key, Shape shape) => ops.Upload(WeightFormula.GaussLike(key, shape), shape);

    private static Tensor Map(ITensorOps ops, string key, int batch, int side)
    {
        float[] channelsFirst = WeightFormula.GaussLike(key, [batch, 4, side, side]), channelsLast = new float[channelsFirst.Length];
        ChannelLayout.ToChannelsLast(channelsFirst, channelsLast, channels: 4, pixels: side * side);
        return ops.Upload(channelsLast, [batch, side, side, 4]);
    }
}
