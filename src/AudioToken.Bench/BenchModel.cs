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
    private BenchModel(SizedModel size, ModelFiles files) => (Size, Files) = (size, files);

    /// <summary>Name and configurations.</summary>
    public SizedModel Size { get; }

    /// <summary>Where weights and tokenizer come from.</summary>
    public ModelFiles Files { get; }

    /// <summary>Formula weights.</summary>
    public static BenchModel Synthetic(SizedModel size)
    {
        ArgumentNullException.ThrowIfNull(size);
        return new BenchModel(size, new FormulaModel(size));
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
        return new BenchModel(size, files);
    }

    /// <summary>The tensors of a part; the caller's to dispose of.</summary>
    public TensorCollection Open(ModelComponent component) => Files.Open(component);

    private static TConfig Parse<TConfig>(ModelFiles files, ModelComponent component, Func<JsonElement, TConfig> parse)
    {
        using JsonDocument json = JsonDocument.Parse(files.ConfigJson(component));
        return parse(json.RootElement);
    }
}
