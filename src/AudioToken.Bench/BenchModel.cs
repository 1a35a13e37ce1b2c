using System.Text.Json;
using AudioToken.Bench.Synthetic;
using AudioToken.Models.Beats;
using AudioToken.Models.Clip;
using AudioToken.Models.Unet;
using AudioToken.Models.Vae;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Bench;

/// <summary>The networks that stages are measured with: of a model's files, or of one size with formula weights (never zeros).</summary>
public sealed class BenchModel
{
    private readonly Func<ModelComponent, TensorCollection> _open;

    private BenchModel(SizedModel size, Func<ModelComponent, TensorCollection> open) => (Size, _open) = (size, open);

    /// <summary>Name and configurations.</summary>
    public SizedModel Size { get; }

    /// <summary>Formula weights.</summary>
    public static BenchModel Synthetic(SizedModel size)
    {
        ArgumentNullException.ThrowIfNull(size);
        return new BenchModel(size, component => component switch
        {
            ModelComponent.Beats => new FormulaCheckpoint("beats/", CheckpointShapes.Beats(size.Beats)),
            ModelComponent.Embedder => new FormulaCheckpoint("embedder/", CheckpointShapes.Embedder(size.Beats.OutputWidth, size.Text.Width)),
            ModelComponent.Text => new FormulaCheckpoint("text_encoder/", CheckpointShapes.ClipText(size.Text)),
            ModelComponent.Unet => new FormulaCheckpoint("unet/", CheckpointShapes.Unet(size.Unet)),
            ModelComponent.Vae => new FormulaCheckpoint("vae/", CheckpointShapes.Vae(size.Vae)),
            _ => throw new ArgumentOutOfRangeException(nameof(component), component, "A model that is measured has no such part."),
        });
    }

    /// <summary>A model's own weights, without a LoRA; the files stay the caller's.</summary>
    /// <exception cref="AudioTokenException">It is not whole, or a configuration is malformed.</exception>
    public static BenchModel Of(ModelFiles files)
    {
        ArgumentNullException.ThrowIfNull(files);
        files.RequireWhole();
        UnetConfig unet = Parse(files, ModelComponent.Unet, UnetConfig.Parse);
        SizedModel size = new(
            files.Name, Parse(files, ModelComponent.Beats, BeatsConfig.Parse), Parse(files, ModelComponent.Text, ClipTextConfig.Parse),
            unet.SampleSize > 0 ? unet : unet with { SampleSize = SizedModel.StableDiffusion14.Unet.SampleSize }, Parse(files, ModelComponent.Vae, VaeConfig.Parse));
        return new BenchModel(size, files.Open);
    }

    /// <summary>The tensors of a part; the caller's to dispose of.</summary>
    public TensorCollection Open(ModelComponent component) => _open(component);

    private static TConfig Parse<TConfig>(ModelFiles files, ModelComponent component, Func<JsonElement, TConfig> parse)
    {
        using JsonDocument json = JsonDocument.Parse(files.ConfigJson(component));
        return parse(json.RootElement);
    }
}
