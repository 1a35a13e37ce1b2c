namespace AudioToken.WeightsConverter;

/// <summary>What a model is to be put together from; each part may be a file, a folder, or a repository in the HuggingFace cache.</summary>
public sealed record ModelRequest
{
    /// <summary>A whole model: a folder in diffusers' layout, a single-file checkpoint, a bundle, or the file of one component.</summary>
    public string? Model { get; init; }

    /// <summary>BEATs.</summary>
    public string? Beats { get; init; }

    /// <summary>The embedder.</summary>
    public string? Embedder { get; init; }

    /// <summary>A VAE in place of the model's own: its file, or a folder with its file and configuration.</summary>
    public string? Vae { get; init; }

    /// <summary>A LoRA.</summary>
    public string? Lora { get; init; }

    /// <summary>If given, the LoRA is merged into the weights at this strength; else it is kept beside them.</summary>
    public float? LoraScale { get; init; }

    /// <summary>A folder in diffusers' layout from which configurations, scheduler and tokenizer are taken where the weights come without.</summary>
    public string? Config { get; init; }

    /// <summary><c>epsilon</c> or <c>v_prediction</c>: what the UNet predicts, where no scheduler's configuration says it.</summary>
    public string? Prediction { get; init; }

    /// <summary>Variant of the weights to prefer in a diffusers folder, e.g. <c>fp16</c>.</summary>
    public string? Variant { get; init; }

    /// <summary>True: of a single-file checkpoint the running averages (EMA) are taken.</summary>
    public bool Averaged { get; init; }
}
