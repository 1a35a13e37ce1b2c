using System.Text.Json;

namespace AudioToken.Models.Beats;

/// <summary>Architecture of a BEATs encoder, from the <c>cfg</c> of its checkpoint.</summary>
/// <remarks>Defaults are those of the original classes (microsoft/unilm, beats/BEATs.py), for settings on which a file is silent.
/// Dropouts, layer drop and the classifier's settings do not matter here and are not read.</remarks>
public sealed record BeatsConfig
{
    /// <summary>Mel bins of the features.</summary>
    public const int MelBins = 128;

    /// <summary>Frames and bins of one patch.</summary>
    public const int PatchSize = 16;

    /// <summary>Tokens that one row of patches gives.</summary>
    public const int TokensPerPatchRow = MelBins / PatchSize;

    /// <summary>Hidden layers that AudioToken looks at, evenly spread: of 12 the 4th, the 8th and the 12th.</summary>
    public const int CollectedLayers = 3;

    /// <summary>Channels of a patch (<c>embed_dim</c>).</summary>
    public int EmbedWidth { get; init; } = 512;

    /// <summary>True if the patch embedding has a bias (<c>conv_bias</c>).</summary>
    public bool PatchBias { get; init; }

    /// <summary>Number of layers (<c>encoder_layers</c>), a multiple of three.</summary>
    public int Layers { get; init; } = 12;

    /// <summary>Channels of a token (<c>encoder_embed_dim</c>).</summary>
    public int Width { get; init; } = 768;

    /// <summary>Channels inside the feed-forward network (<c>encoder_ffn_embed_dim</c>).</summary>
    public int FeedForwardWidth { get; init; } = 3072;

    /// <summary>Attention heads (<c>encoder_attention_heads</c>).</summary>
    public int Heads { get; init; } = 12;

    /// <summary>Taps of the positional convolution (<c>conv_pos</c>).</summary>
    public int PositionKernel { get; init; } = 128;

    /// <summary>Groups of the positional convolution (<c>conv_pos_groups</c>).</summary>
    public int PositionGroups { get; init; } = 16;

    /// <summary>Norms before the blocks rather than after them (<c>layer_norm_first</c>).</summary>
    public bool PreNorm { get; init; }

    /// <summary>Residuals scaled by (2 * layers)^(1/4) (<c>deep_norm</c>); not together with <see cref="PreNorm"/>.</summary>
    public bool DeepNorm { get; init; }

    /// <summary>Attention knows distances (<c>relative_position_embedding</c>).</summary>
    public bool RelativePositions { get; init; }

    /// <summary>Rows of the table of distances (<c>num_buckets</c>).</summary>
    public int Buckets { get; init; } = 320;

    /// <summary>From this distance on all are alike (<c>max_distance</c>).</summary>
    public int MaxDistance { get; init; } = 1280;

    /// <summary>Each query scales the position bias by a gate of its own (<c>gru_rel_pos</c>).</summary>
    public bool GatedPositions { get; init; }

    /// <summary>Factor of the residuals. DeepNet, Wang et al. 2022.</summary>
    public float ResidualScale => DeepNorm ? (float)Math.Pow(2.0 * Layers, 0.25) : 1;

    /// <summary>Channels of the result: the collected layers side by side.</summary>
    public int OutputWidth => CollectedLayers * Width;

    /// <summary>True for the zero-based layers whose output is part of the result.</summary>
    public bool Collects(int layer) => layer >= 0 && (layer + 1) % (Layers / CollectedLayers) == 0;

    /// <summary>Reads the <c>cfg</c> dictionary of a checkpoint, as JSON.</summary>
    /// <exception cref="ModelConfigException">A setting is malformed or asks for what is not supported.</exception>
    public static BeatsConfig Parse(JsonElement json)
    {
        ConfigReader read = new("BEATs cfg", json);
        BeatsConfig config = new();
        read.Only("input_patch_size", "16");
        read.Name("activation_fn", "gelu", "gelu");
        config = config with
        {
            EmbedWidth = read.Int("embed_dim", config.EmbedWidth),
            PatchBias = read.Bool("conv_bias", config.PatchBias),
            Layers = read.Int("encoder_layers", config.Layers, max: 1024),
            Width = read.Int("encoder_embed_dim", config.Width),
            FeedForwardWidth = read.Int("encoder_ffn_embed_dim", config.FeedForwardWidth),
            Heads = read.Int("encoder_attention_heads", config.Heads),
            PositionKernel = read.Int("conv_pos", config.PositionKernel),
            PositionGroups = read.Int("conv_pos_groups", config.PositionGroups),
            PreNorm = read.Bool("layer_norm_first", config.PreNorm),
            DeepNorm = read.Bool("deep_norm", config.DeepNorm),
            RelativePositions = read.Bool("relative_position_embedding", config.RelativePositions),
            Buckets = read.Int("num_buckets", config.Buckets, min: 4),
            MaxDistance = read.Int("max_distance", config.MaxDistance, max: int.MaxValue),
            GatedPositions = read.Bool("gru_rel_pos", config.GatedPositions),
        };

        if (config.PreNorm && config.DeepNorm)
            throw read.Unsupported("deep_norm", "false where layer_norm_first is true");
        if (config.GatedPositions && !config.RelativePositions)
            throw read.Unsupported("gru_rel_pos", "false where relative_position_embedding is false");
        if (config.Layers % CollectedLayers != 0)
            throw read.Unsupported("encoder_layers", "a multiple of 3");
        if (config.Width % config.Heads != 0)
            throw read.Unsupported("encoder_attention_heads", $"a divisor of encoder_embed_dim, {config.Width}");
        if (config.Width % config.PositionGroups != 0)
            throw read.Unsupported("conv_pos_groups", $"a divisor of encoder_embed_dim, {config.Width}");
        if (config.Buckets % 4 != 0)
            throw read.Unsupported("num_buckets", "a multiple of 4");
        if (config.MaxDistance <= config.Buckets / 4)
            throw read.Unsupported("max_distance", $"above a quarter of num_buckets, {config.Buckets / 4}");
        return config;
    }
}
