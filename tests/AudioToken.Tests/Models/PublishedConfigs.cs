using System.Text.Json;
using AudioToken.Models.Beats;
using AudioToken.Models.Clip;
using AudioToken.Models.Unet;

namespace AudioToken.Tests.Models;

/// <summary>The configurations of the published models, as their files have them.</summary>
internal static class PublishedConfigs
{
    public const string UnetSd1Json = """
        {
          "_class_name": "UNet2DConditionModel", "_diffusers_version": "0.2.2", "act_fn": "silu", "attention_head_dim": 8,
          "block_out_channels": [320, 640, 1280, 1280], "center_input_sample": false, "cross_attention_dim": 768,
          "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
          "downsample_padding": 1, "flip_sin_to_cos": true, "freq_shift": 0, "in_channels": 4, "layers_per_block": 2,
          "mid_block_scale_factor": 1, "norm_eps": 1e-05, "norm_num_groups": 32, "out_channels": 4, "sample_size": 64,
          "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"]
        }
        """;

    public const string UnetSd2Json = """
        {
          "_class_name": "UNet2DConditionModel", "_diffusers_version": "0.10.0.dev0", "act_fn": "silu", "attention_head_dim": [5, 10, 20, 20],
          "block_out_channels": [320, 640, 1280, 1280], "center_input_sample": false, "cross_attention_dim": 1024,
          "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
          "downsample_padding": 1, "dual_cross_attention": false, "flip_sin_to_cos": true, "freq_shift": 0, "in_channels": 4,
          "layers_per_block": 2, "mid_block_scale_factor": 1, "norm_eps": 1e-05, "norm_num_groups": 32, "num_class_embeds": null,
          "only_cross_attention": false, "out_channels": 4, "sample_size": 96,
          "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
          "use_linear_projection": true, "upcast_attention": true
        }
        """;

    public static UnetConfig UnetSd1 => UnetConfig.Parse(Json(UnetSd1Json));

    public static UnetConfig UnetSd2 => UnetConfig.Parse(Json(UnetSd2Json));

    public static ClipTextConfig ClipSd1 => ClipTextConfig.Parse(Json("""
        { "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072, "hidden_act": "quick_gelu",
          "layer_norm_eps": 1e-05, "max_position_embeddings": 77, "vocab_size": 49408, "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1 }
        """));

    public static ClipTextConfig ClipSd2 => ClipTextConfig.Parse(Json("""
        { "hidden_size": 1024, "num_hidden_layers": 23, "num_attention_heads": 16, "intermediate_size": 4096, "hidden_act": "gelu",
          "layer_norm_eps": 1e-05, "max_position_embeddings": 77, "vocab_size": 49408, "projection_dim": 512 }
        """));

    public static BeatsConfig Beats => BeatsConfig.Parse(Json("""
        { "input_patch_size": 16, "embed_dim": 512, "conv_bias": false, "encoder_layers": 12, "encoder_embed_dim": 768, "encoder_ffn_embed_dim": 3072,
          "encoder_attention_heads": 12, "activation_fn": "gelu", "layer_norm_first": false, "deep_norm": true, "conv_pos": 128, "conv_pos_groups": 16,
          "relative_position_embedding": true, "num_buckets": 320, "max_distance": 800, "gru_rel_pos": true, "finetuned_model": true, "predictor_class": 527 }
        """));

    public static JsonElement Json(string text)
    {
        using JsonDocument document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }
}
