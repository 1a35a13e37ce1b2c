namespace AudioToken.Pipelines;

/// <summary>Choices made when a model is loaded.</summary>
public sealed record LoadOptions
{
    /// <summary>Strength of the LoRA that a model carries; 0 leaves it out.</summary>
    public float LoraScale { get; init; } = 1;

    /// <summary>Hash the model's files, beside the first generation, for the metadata of pictures.</summary>
    public bool HashModel { get; init; } = true;
}
