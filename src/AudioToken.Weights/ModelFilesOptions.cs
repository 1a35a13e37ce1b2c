namespace AudioToken.Weights;

/// <summary>Where the parts of a model lie that its folder or bundle does not hold, or that are to replace those it holds.</summary>
public sealed record ModelFilesOptions
{
    /// <summary>What the model is called in messages and metadata; the base name of its folder or file if null.</summary>
    public string? Name { get; init; }

    /// <summary>A file of BEATs; its metadata may give the configuration as JSON under <c>cfg</c>.</summary>
    public string? BeatsPath { get; init; }

    /// <summary>A file of the embedder.</summary>
    public string? EmbedderPath { get; init; }

    /// <summary>A file of a LoRA.</summary>
    public string? LoraPath { get; init; }

    /// <summary>Variant of the weights to prefer in a diffusers folder, e.g. <c>fp16</c>.</summary>
    public string? Variant { get; init; }

    /// <summary>Opens the files; safetensors only if nobody brings another one.</summary>
    public ComponentReader Reader { get; init; } = ComponentReader.Safetensors;

    internal string? PathOf(ModelComponent component) => component switch
    {
        ModelComponent.Beats => BeatsPath,
        ModelComponent.Embedder => EmbedderPath,
        ModelComponent.Lora => LoraPath,
        _ => null,
    };
}
