using System.Globalization;
using System.Text.Json;
using AudioToken.Models.Beats;
using AudioToken.Models.Clip;
using AudioToken.Models.Unet;
using AudioToken.Models.Vae;
using AudioToken.Weights;

namespace AudioToken.Training.Demonstration;

/// <summary>The demonstration model: its architectures and how long each part is trained.</summary>
public sealed record Recipe
{
    /// <summary>Side of the pictures in pixels.</summary>
    public const int Side = 128;

    /// <summary>Seconds of sound in training.</summary>
    public const int Seconds = 5;

    /// <summary>Audio features, text and UNet meet at this width.</summary>
    public const int ContextWidth = 96;

    /// <summary>Samples of each kind.</summary>
    public int SamplesOfEach { get; init; } = 200;

    /// <summary>Updates of the autoencoder, a batch of 4.</summary>
    public long Autoencoder { get; init; } = 5000;

    /// <summary>Updates of the text encoder alone, a batch of 16.</summary>
    public long Reading { get; init; } = 1500;

    /// <summary>Updates of text encoder and UNet, a batch of 16.</summary>
    public long Diffusion { get; init; } = 5000;

    /// <summary>Updates of the audio encoder, a batch of 16.</summary>
    public long Hearing { get; init; } = 1200;

    /// <summary>Updates of the embedder, a batch of 8.</summary>
    public long Embedder { get; init; } = 2000;

    /// <summary>Seed of everything drawn.</summary>
    public ulong Seed { get; init; }

    /// <summary>Whether the loss is scaled on its way back: where the backend stores half precision (fp16).</summary>
    public bool ScalesLoss { get; init; }

    /// <summary>The same with every part trained for a share of its time.</summary>
    public Recipe Scaled(double share)
    {
        long Part(long updates) => Math.Max(1, (long)(updates * share));
        return this with { Autoencoder = Part(Autoencoder), Reading = Part(Reading), Diffusion = Part(Diffusion), Hearing = Part(Hearing), Embedder = Part(Embedder) };
    }

    /// <summary>What the checkpoints of a stage depend on.</summary>
    public string Fingerprint(string stage, long updates) =>
        string.Create(CultureInfo.InvariantCulture, $"demonstration 1, {stage} {updates}, samples {SamplesOfEach}, seed {Seed}{(ScalesLoss ? ", loss scaled" : "")}");

    internal static VaeConfig Vae { get; } = VaeConfig.Parse(Json(VaeText(0.18215)));

    internal static UnetConfig Unet { get; } = UnetConfig.Parse(Json(UnetText));

    internal static BeatsConfig Beats { get; } = BeatsConfig.Parse(Json(BeatsText));

    internal static ClipTextConfig Text(TokenizerIds ids) => ClipTextConfig.Parse(Json(TextText(ids)));

    internal static string ConfigText(ModelComponent component, TokenizerIds ids, double scalingFactor) => component switch
    {
        ModelComponent.Beats => BeatsText,
        ModelComponent.Text => TextText(ids),
        ModelComponent.Unet => UnetText,
        _ => VaeText(scalingFactor),
    };

    private const string BeatsText = """
        {
          "input_patch_size": 16, "embed_dim": 64, "conv_bias": false, "encoder_layers": 6, "encoder_embed_dim": 64,
          "encoder_ffn_embed_dim": 192, "encoder_attention_heads": 4, "activation_fn": "gelu", "layer_norm_first": false, "deep_norm": true,
          "conv_pos": 32, "conv_pos_groups": 8, "relative_position_embedding": true, "num_buckets": 64, "max_distance": 500,
          "gru_rel_pos": true, "finetuned_model": false
        }
        """;

    private const string UnetText = """
        {
          "_class_name": "UNet2DConditionModel", "act_fn": "silu", "sample_size": 16, "in_channels": 4, "out_channels": 4,
          "block_out_channels": [64, 128, 160], "attention_head_dim": 4, "layers_per_block": 1, "norm_num_groups": 16, "norm_eps": 1e-05,
          "cross_attention_dim": 96, "flip_sin_to_cos": true, "freq_shift": 0, "downsample_padding": 1, "mid_block_scale_factor": 1, "center_input_sample": false,
          "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
          "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"]
        }
        """;

    private static string VaeText(double scalingFactor) => string.Create(CultureInfo.InvariantCulture, $$"""
        {
          "_class_name": "AutoencoderKL", "act_fn": "silu", "in_channels": 3, "out_channels": 3, "latent_channels": 4, "sample_size": 128,
          "block_out_channels": [16, 32, 64, 96], "layers_per_block": 1, "norm_num_groups": 8, "scaling_factor": {{scalingFactor:R}},
          "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
          "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]
        }
        """);

    private static string TextText(TokenizerIds ids) => string.Create(CultureInfo.InvariantCulture, $$"""
        {
          "model_type": "clip_text_model", "architectures": ["CLIPTextModel"], "hidden_act": "quick_gelu", "hidden_size": {{ContextWidth}},
          "intermediate_size": 288, "num_hidden_layers": 3, "num_attention_heads": 4, "max_position_embeddings": 77, "layer_norm_eps": 1e-05,
          "vocab_size": {{ids.Vocabulary}}, "bos_token_id": {{ids.Begin}}, "eos_token_id": {{ids.End}}, "pad_token_id": {{ids.Pad}}
        }
        """);

    private static JsonElement Json(string text)
    {
        using JsonDocument document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }
}

/// <summary>What a text encoder's configuration says of its tokenizer.</summary>
internal readonly record struct TokenizerIds(int Vocabulary, int Begin, int End, int Pad);
