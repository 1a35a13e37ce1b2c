using System.Text.Json;

namespace AudioToken.Models.Unet;

/// <summary>Architecture of a conditional UNet, from <c>unet/config.json</c> (diffusers' UNet2DConditionModel, SD 1.x and 2.x).</summary>
/// <remarks>Levels count from the finest. Defaults are those of the original class, for settings on which a file is silent.</remarks>
public sealed record UnetConfig
{
    /// <summary>Channels of the latents (<c>in_channels</c>).</summary>
    public int InChannels { get; init; } = 4;

    /// <summary>Channels of the prediction (<c>out_channels</c>).</summary>
    public int OutChannels { get; init; } = 4;

    /// <summary>Side of the latents for which the model was trained (<c>sample_size</c>); 0 where the file does not say.</summary>
    public int SampleSize { get; init; }

    /// <summary>Channels of each level (<c>block_out_channels</c>).</summary>
    public IReadOnlyList<int> Channels { get; init; } = [320, 640, 1280, 1280];

    /// <summary>Attention heads of each level. The file calls the number of heads <c>attention_head_dim</c>, for historical reasons.</summary>
    public IReadOnlyList<int> Heads { get; init; } = [8, 8, 8, 8];

    /// <summary>Which levels have attention on the way down (<c>down_block_types</c>).</summary>
    public IReadOnlyList<bool> DownAttention { get; init; } = [true, true, true, false];

    /// <summary>Which levels have attention on the way up (<c>up_block_types</c>, which the file lists from the coarsest).</summary>
    public IReadOnlyList<bool> UpAttention { get; init; } = [true, true, true, false];

    /// <summary>Residual blocks of a level on the way down; on the way up there is one more (<c>layers_per_block</c>).</summary>
    public int LayersPerBlock { get; init; } = 2;

    /// <summary>Channels of the conditioning (<c>cross_attention_dim</c>).</summary>
    public int ContextWidth { get; init; } = 1280;

    /// <summary>Groups of all norms (<c>norm_num_groups</c>).</summary>
    public int NormGroups { get; init; } = 32;

    /// <summary>Epsilon of the norms of residual blocks and of the last norm (<c>norm_eps</c>).</summary>
    public float NormEpsilon { get; init; } = 1e-5f;

    /// <summary>Cosines before sines in the time embedding (<c>flip_sin_to_cos</c>).</summary>
    public bool CosineFirst { get; init; } = true;

    /// <summary>Shift of the time embedding's frequencies (<c>freq_shift</c>).</summary>
    public int FrequencyShift { get; init; }

    /// <summary>Number of levels.</summary>
    public int Levels => Channels.Count;

    /// <summary>Channels of the time embedding.</summary>
    public int TimeChannels => 4 * Channels[0];

    /// <summary>Reads <c>config.json</c>.</summary>
    /// <remarks><c>use_linear_projection</c> and <c>upcast_attention</c> need no reading: a linear and a 1x1 weight hold the same numbers,
    /// and scores and softmax are fp32 anyway.</remarks>
    /// <exception cref="ModelConfigException">A setting is malformed or asks for what is not supported.</exception>
    public static UnetConfig Parse(JsonElement json)
    {
        ConfigReader read = new("UNet config", json);
        RefuseOtherArchitectures(read);

        UnetConfig config = new();
        int[] channels = read.Ints("block_out_channels", [.. config.Channels]);
        int levels = channels.Length;
        string[] down = read.Names(
            "down_block_types", ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"], levels, "CrossAttnDownBlock2D", "DownBlock2D");
        string[] up = read.Names(
            "up_block_types", ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"], levels, "CrossAttnUpBlock2D", "UpBlock2D");
        int[] heads = read.IntOrInts("attention_head_dim", 8, levels);
        config = config with
        {
            InChannels = read.Int("in_channels", config.InChannels),
            OutChannels = read.Int("out_channels", config.OutChannels),
            SampleSize = read.Int("sample_size", config.SampleSize),
            Channels = channels,
            Heads = read.IntOrInts("num_attention_heads", 0, levels) is [> 0, ..] named ? named : heads,
            DownAttention = Array.ConvertAll(down, name => name == "CrossAttnDownBlock2D"),
            UpAttention = Array.ConvertAll([.. up.Reverse()], name => name == "CrossAttnUpBlock2D"),
            LayersPerBlock = read.Int("layers_per_block", config.LayersPerBlock, max: 64),
            ContextWidth = read.Int("cross_attention_dim", config.ContextWidth),
            NormGroups = read.Int("norm_num_groups", config.NormGroups),
            NormEpsilon = (float)read.Number("norm_eps", config.NormEpsilon),
            CosineFirst = read.Bool("flip_sin_to_cos", config.CosineFirst),
            FrequencyShift = read.Int("freq_shift", config.FrequencyShift, min: 0, max: 1),
        };

        for (int level = 0; level < levels; level++)
        {
            if (channels[level] % config.NormGroups != 0)
                throw read.Unsupported("norm_num_groups", $"a divisor of every block_out_channels, {channels[level]} among them");
            if (channels[level] % config.Heads[level] != 0)
                throw read.Unsupported("attention_head_dim", $"numbers of heads that divide block_out_channels, {channels[level]} among them");
        }

        return channels[0] % 2 == 0 ? config : throw read.Unsupported("block_out_channels", "an even first number");
    }

    private static void RefuseOtherArchitectures(in ConfigReader read)
    {
        read.Only("act_fn", "\"silu\"", "\"swish\"");
        read.Only("mid_block_type", "\"UNetMidBlock2DCrossAttn\"");
        read.Only("resnet_time_scale_shift", "\"default\"");
        read.Only("time_embedding_type", "\"positional\"");
        read.Only("center_input_sample", "false");
        read.Only("downsample_padding", "1");
        read.Only("mid_block_scale_factor", "1", "1.0");
        read.Only("only_cross_attention", "false");
        read.Only("dual_cross_attention", "false");
        read.Only("class_embeddings_concat", "false");
        read.Only("resnet_skip_time_act", "false");
        read.Only("transformer_layers_per_block", "1");
        read.Only("conv_in_kernel", "3");
        read.Only("conv_out_kernel", "3");
        read.Only("attention_type", "\"default\"");
        foreach (string key in (ReadOnlySpan<string>)
            [
                "num_class_embeds", "class_embed_type", "addition_embed_type", "encoder_hid_dim", "encoder_hid_dim_type",
                "time_cond_proj_dim", "time_embedding_dim", "time_embedding_act_fn", "timestep_post_act", "projection_class_embeddings_input_dim",
                "cross_attention_norm", "mid_block_only_cross_attention", "reverse_transformer_layers_per_block",
            ])
        {
            read.Only(key);
        }
    }
}
