using AudioToken.Models.Beats;
using AudioToken.Models.Clip;
using AudioToken.Models.Unet;
using AudioToken.Models.Vae;

namespace AudioToken.Bench;

/// <summary>Configurations of all networks of one size of model.</summary>
/// <param name="Name">As on the command line.</param>
/// <param name="Beats">The sound's encoder.</param>
/// <param name="Text">The text encoder.</param>
/// <param name="Unet">The UNet; its sample size is given.</param>
/// <param name="Vae">The autoencoder.</param>
public sealed record SizedModel(string Name, BeatsConfig Beats, ClipTextConfig Text, UnetConfig Unet, VaeConfig Vae)
{
    /// <summary>Length of the sound that is heard.</summary>
    public int Seconds { get; init; } = 10;

    /// <summary>Stable Diffusion 1.4 behind BEATs iter3+.</summary>
    public static SizedModel StableDiffusion14 { get; } = new(
        "sd1.4",
        new BeatsConfig { DeepNorm = true, RelativePositions = true, GatedPositions = true, MaxDistance = 800 },
        new ClipTextConfig { Width = 768, Heads = 12, FeedForwardWidth = 3072 },
        new UnetConfig { ContextWidth = 768, SampleSize = 64 },
        new VaeConfig());

    /// <summary>The same architecture, narrow and shallow: what a test runs in no time.</summary>
    public static SizedModel Tiny { get; } = new(
        "tiny",
        new BeatsConfig
        {
            DeepNorm = true, RelativePositions = true, GatedPositions = true, MaxDistance = 800,
            EmbedWidth = 32, Width = 48, Layers = 3, Heads = 4, FeedForwardWidth = 96, PositionKernel = 16, PositionGroups = 4,
        },
        new ClipTextConfig { Width = 32, Layers = 2, Heads = 4, FeedForwardWidth = 64, VocabularySize = 514 },
        new UnetConfig { ContextWidth = 32, SampleSize = 8, Channels = [32, 64], Heads = [4, 4], DownAttention = [true, false], UpAttention = [true, false], LayersPerBlock = 1, NormGroups = 8 },
        new VaeConfig { Channels = [8, 8, 16, 16], LayersPerBlock = 1, NormGroups = 8 })
    {
        Seconds = 1,
    };

    /// <summary>All of them.</summary>
    public static IReadOnlyList<SizedModel> All { get; } = [Tiny, StableDiffusion14];
}
