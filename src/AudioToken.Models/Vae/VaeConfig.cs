using System.Text.Json;

namespace AudioToken.Models.Vae;

/// <summary>Architecture of an autoencoder, from <c>vae/config.json</c> (diffusers' AutoencoderKL).</summary>
/// <remarks>Levels count from the finest.</remarks>
public sealed record VaeConfig
{
    /// <summary>Epsilon of every norm; no file says it.</summary>
    public const float NormEpsilon = 1e-6f;

    /// <summary>Channels of a picture (<c>in_channels</c>, <c>out_channels</c>).</summary>
    public int ImageChannels { get; init; } = 3;

    /// <summary>Channels of the latents (<c>latent_channels</c>).</summary>
    public int LatentChannels { get; init; } = 4;

    /// <summary>Channels of each level (<c>block_out_channels</c>).</summary>
    public IReadOnlyList<int> Channels { get; init; } = [128, 256, 512, 512];

    /// <summary>Residual blocks of a level in the encoder; in the decoder there is one more (<c>layers_per_block</c>).</summary>
    public int LayersPerBlock { get; init; } = 2;

    /// <summary>Groups of all norms (<c>norm_num_groups</c>).</summary>
    public int NormGroups { get; init; } = 32;

    /// <summary>Factor from the autoencoder's latents to the diffusion's (<c>scaling_factor</c>; files older than the setting mean 0.18215).</summary>
    public double ScalingFactor { get; init; } = 0.18215;

    /// <summary>Number of levels.</summary>
    public int Levels => Channels.Count;

    /// <summary>Pixels of the picture's side for one of the latents'.</summary>
    public int Downscale => 1 << (Levels - 1);

    /// <summary>Reads <c>config.json</c>. <c>sample_size</c> and <c>force_upcast</c> do not matter here.</summary>
    /// <exception cref="ModelConfigException">A setting is malformed or asks for what is not supported.</exception>
    public static VaeConfig Parse(JsonElement json)
    {
        ConfigReader read = new("VAE config", json);
        read.Only("act_fn", "\"silu\"", "\"swish\"");
        read.Only("use_quant_conv", "true");
        read.Only("use_post_quant_conv", "true");
        read.Only("mid_block_add_attention", "true");
        read.Only("shift_factor");
        read.Only("latents_mean");
        read.Only("latents_std");

        VaeConfig config = new();
        int[] channels = read.Ints("block_out_channels", [.. config.Channels]);
        string[] down = new string[channels.Length], up = new string[channels.Length];
        Array.Fill(down, "DownEncoderBlock2D");
        Array.Fill(up, "UpDecoderBlock2D");
        read.Names("down_block_types", down, channels.Length, "DownEncoderBlock2D");
        read.Names("up_block_types", up, channels.Length, "UpDecoderBlock2D");
        config = config with
        {
            ImageChannels = read.Int("in_channels", config.ImageChannels),
            LatentChannels = read.Int("latent_channels", config.LatentChannels),
            Channels = channels,
            LayersPerBlock = read.Int("layers_per_block", config.LayersPerBlock, max: 64),
            NormGroups = read.Int("norm_num_groups", config.NormGroups),
            ScalingFactor = read.Number("scaling_factor", config.ScalingFactor),
        };

        if (read.Int("out_channels", config.ImageChannels) != config.ImageChannels)
            throw read.Unsupported("out_channels", $"the same as in_channels, {config.ImageChannels}");
        foreach (int count in channels)
        {
            if (count % config.NormGroups != 0)
                throw read.Unsupported("norm_num_groups", $"a divisor of every block_out_channels, {count} among them");
        }

        return config;
    }
}
