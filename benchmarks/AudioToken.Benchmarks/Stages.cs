using AudioToken.Backends.Cpu;
using AudioToken.Models.Beats;
using AudioToken.Models.Clip;
using AudioToken.Models.Fga;
using AudioToken.Models.Unet;
using AudioToken.Models.Vae;
using AudioToken.Tensors;
using AudioToken.Testing;

namespace AudioToken.Benchmarks;

/// <summary>One network at the size of Stable Diffusion 1.4 with formula weights, ready to run; the inputs are those of benchmarks/pytorch/stages.py.</summary>
/// <param name="Run">One forward pass; the caller's scope owns the result.</param>
/// <param name="Network">What to free afterwards.</param>
internal sealed record Stage(Func<ITensorOps, Tensor> Run, IDisposable Network);

/// <summary>The stages by name.</summary>
internal static class Stages
{
    /// <summary>Names with the multiply-adds' FLOPs of one run, from the operators' shapes.</summary>
    public static readonly IReadOnlyList<(string Name, double GigaFlops)> All =
    [
        ("beats", 98.5), ("embedder", 8.8), ("text", 26.4), ("unet-1", 800), ("unet-2", 1601), ("vae", 2515),
    ];

    /// <summary>Builds a stage.</summary>
    public static Stage Build(CpuOps ops, string name) => name switch
    {
        "beats" => Beats(ops),
        "embedder" => Embedder(ops),
        "text" => Text(ops),
        "unet-1" => Unet(ops, 1),
        "unet-2" => Unet(ops, 2),
        "vae" => Vae(ops),
        _ => throw new ArgumentException($"No stage '{name}'; there are {string.Join(", ", All.Select(stage => stage.Name))}.", nameof(name)),
    };

    private static Stage Beats(CpuOps ops)
    {
        BeatsConfig config = new() { DeepNorm = true, RelativePositions = true, GatedPositions = true, MaxDistance = 800 };
        BeatsEncoder model = BeatsEncoder.Load(ops, new FormulaCheckpoint("beats/", CheckpointShapes.Beats(config)), config);
        Tensor fbank = ops.Upload(WeightFormula.GaussLike("bench/fbank", [1, 998, 128]), [1, 998, 128]);
        return new Stage(o => model.Forward(o, fbank), model);
    }

    private static Stage Embedder(CpuOps ops)
    {
        FgaEmbedder model = FgaEmbedder.Load(ops, new FormulaCheckpoint("embedder/", CheckpointShapes.Embedder(2304, 768)));
        Tensor features = ops.Upload(WeightFormula.GaussLike("bench/features", [1, 496, 2304]), [1, 496, 2304]);
        return new Stage(o => model.Forward(o, features), model);
    }

    private static Stage Text(CpuOps ops)
    {
        const int placeholder = 49408;
        int[] prompt = [49406, 320, 1125, 539, placeholder, 267, 275, 330, 267, 1400, 9977, 49407], empty = [49406, 49407], ids = new int[2 * 77];
        Array.Fill(ids, 49407);
        empty.CopyTo(ids, 0);
        prompt.CopyTo(ids, 77);
        ClipTextConfig config = new() { Width = 768, Heads = 12, FeedForwardWidth = 3072 };
        ClipTextModel model = ClipTextModel.Load(ops, new FormulaCheckpoint("text_encoder/", CheckpointShapes.ClipText(config)), config);
        Tensor tokens = ops.Upload(ids, [2, 77]), audioToken = ops.Upload(WeightFormula.GaussLike("bench/token", [1, 768]), [1, 768]);
        return new Stage(o => model.Forward(o, tokens, placeholder, audioToken), model);
    }

    private static Stage Unet(CpuOps ops, int batch)
    {
        UnetConfig config = new() { ContextWidth = 768, SampleSize = 64 };
        UnetModel model = UnetModel.Load(ops, new FormulaCheckpoint("unet/", CheckpointShapes.Unet(config)), config);
        Tensor latents = Map(ops, "bench/latents", batch, 64);
        Tensor conditioning = ops.Upload(WeightFormula.GaussLike("bench/context", [batch, 77, 768]), [batch, 77, 768]);
        // What depends on text and time alone is counted too: PyTorch does it at every step.
        return new Stage(
            o =>
            {
                using TensorScope scope = o.Scope();
                return scope.Keep(model.Forward(o, latents, model.PrepareTimes(o, [981f]).Step(0), model.PrepareContext(o, conditioning)));
            },
            model);
    }

    private static Stage Vae(CpuOps ops)
    {
        VaeConfig config = new();
        VaeDecoder model = VaeDecoder.Load(ops, new FormulaCheckpoint("vae/", CheckpointShapes.Vae(config)), config);
        Tensor latents = Map(ops, "bench/vae", 1, 64);
        return new Stage(o => model.Forward(o, latents), model);
    }

    private static Tensor Map(CpuOps ops, string key, int batch, int side)
    {
        float[] channelsFirst = WeightFormula.GaussLike(key, [batch, 4, side, side]), channelsLast = new float[channelsFirst.Length];
        ChannelLayout.ToChannelsLast(channelsFirst, channelsLast, channels: 4, pixels: side * side);
        return ops.Upload(channelsLast, [batch, side, side, 4]);
    }
}
