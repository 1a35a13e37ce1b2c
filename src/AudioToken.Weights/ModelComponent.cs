namespace AudioToken.Weights;

/// <summary>The parts of a model that have tensors of their own.</summary>
public enum ModelComponent
{
    /// <summary>The audio encoder.</summary>
    Beats,

    /// <summary>AudioToken's FGA embedder: audio features to one token.</summary>
    Embedder,

    /// <summary>CLIP's text encoder.</summary>
    Text,

    /// <summary>Stable Diffusion's UNet.</summary>
    Unet,

    /// <summary>Stable Diffusion's autoencoder.</summary>
    Vae,

    /// <summary>Low-rank changes to the UNet's attention; optional.</summary>
    Lora,
}
