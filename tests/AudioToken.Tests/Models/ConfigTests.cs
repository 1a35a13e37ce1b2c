using System.Text.Json.Nodes;
using AudioToken.Models;
using AudioToken.Models.Beats;
using AudioToken.Models.Clip;
using AudioToken.Models.Unet;
using AudioToken.Models.Vae;
using AudioToken.Tensors;
using Xunit;

namespace AudioToken.Tests.Models;

/// <summary>Published configurations are understood; whatever this library does not compute is refused by name.</summary>
public sealed class ConfigTests
{
    [Fact]
    public void UnetConfig_ReadsHeadsPerLevel()
    {
        Assert.Equal([8, 8, 8, 8], PublishedConfigs.UnetSd1.Heads);
        Assert.Equal([5, 10, 20, 20], PublishedConfigs.UnetSd2.Heads);
        Assert.Equal(96, PublishedConfigs.UnetSd2.SampleSize);
        Assert.Equal(1024, PublishedConfigs.UnetSd2.ContextWidth);
    }

    [Fact]
    public void UnetConfig_ListsTheWayUpFromTheFinestLevel()
    {
        Assert.Equal([true, true, true, false], PublishedConfigs.UnetSd1.DownAttention);
        Assert.Equal([true, true, true, false], PublishedConfigs.UnetSd1.UpAttention);
    }

    [Fact]
    public void UnetConfig_PrefersNumAttentionHeads() =>
        Assert.Equal([4, 4, 4, 4], UnetConfig.Parse(With(PublishedConfigs.UnetSd1Json, "num_attention_heads", "4")).Heads);

    [Fact]
    public void Defaults_AreThoseOfTheOriginalClasses()
    {
        UnetConfig unet = UnetConfig.Parse(PublishedConfigs.Json("{}"));
        Assert.Equal((1280, 32, 1e-5f, 2, 0), (unet.ContextWidth, unet.NormGroups, unet.NormEpsilon, unet.LayersPerBlock, unet.SampleSize));
        Assert.Equal(0.18215, VaeConfig.Parse(PublishedConfigs.Json("{}")).ScalingFactor);
        Assert.Equal(0.13025, VaeConfig.Parse(PublishedConfigs.Json("""{ "scaling_factor": 0.13025 }""")).ScalingFactor);
        Assert.Equal(Activation.QuickGelu, ClipTextConfig.Parse(PublishedConfigs.Json("{}")).Activation);
        Assert.Equal(Activation.Gelu, PublishedConfigs.ClipSd2.Activation);
        Assert.Equal(1280, BeatsConfig.Parse(PublishedConfigs.Json("{}")).MaxDistance);
    }

    [Theory]
    [InlineData("act_fn", "\"gelu\"", "UNet config: 'act_fn' is \"gelu\"; supported: \"silu\" or \"swish\".")]
    [InlineData("class_embed_type", "\"timestep\"", "UNet config: 'class_embed_type' is \"timestep\"; supported: absent or null.")]
    [InlineData("only_cross_attention", "true", "UNet config: 'only_cross_attention' is true; supported: false.")]
    [InlineData("time_cond_proj_dim", "256", "UNet config: 'time_cond_proj_dim' is 256; supported: absent or null.")]
    [InlineData("transformer_layers_per_block", "[1, 2, 10]", "UNet config: 'transformer_layers_per_block' is [1,2,10]; supported: 1.")]
    [InlineData("layers_per_block", "\"two\"", "UNet config: 'layers_per_block' is \"two\"; supported: an integer from 1 to 64.")]
    [InlineData("layers_per_block", "2000000000", "UNet config: 'layers_per_block' is 2000000000; supported: an integer from 1 to 64.")]
    [InlineData("block_out_channels", "[]", "UNet config: 'block_out_channels' is []; supported: a list of 1 to 16 integers.")]
    [InlineData("attention_head_dim", "[5, 10]", "UNet config: 'attention_head_dim' is [5,10]; supported: one integer or a list of 4.")]
    [InlineData("attention_head_dim", "7", "UNet config: 'attention_head_dim' is 7; supported: numbers of heads that divide block_out_channels, 320 among them.")]
    [InlineData("norm_num_groups", "48", "UNet config: 'norm_num_groups' is 48; supported: a divisor of every block_out_channels, 320 among them.")]
    [InlineData("norm_eps", "-1", "UNet config: 'norm_eps' is -1; supported: a number above 0.")]
    [InlineData("down_block_types", "[\"AttnDownBlock2D\"]",
        "UNet config: 'down_block_types' is [\"AttnDownBlock2D\"]; supported: a list of 4, each CrossAttnDownBlock2D or DownBlock2D.")]
    public void UnetConfig_RefusesByName(string key, string value, string message) =>
        AssertRefused(() => UnetConfig.Parse(With(PublishedConfigs.UnetSd1Json, key, value)), key, message);

    [Theory]
    [InlineData("""{ "activation_fn": "relu" }""", "activation_fn", "BEATs cfg: 'activation_fn' is \"relu\"; supported: gelu.")]
    [InlineData("""{ "input_patch_size": 8 }""", "input_patch_size", "BEATs cfg: 'input_patch_size' is 8; supported: 16.")]
    [InlineData("""{ "deep_norm": true, "layer_norm_first": true }""", "deep_norm", "BEATs cfg: 'deep_norm' is true; supported: false where layer_norm_first is true.")]
    [InlineData("""{ "encoder_layers": 10 }""", "encoder_layers", "BEATs cfg: 'encoder_layers' is 10; supported: a multiple of 3.")]
    [InlineData("""{ "encoder_attention_heads": 7 }""", "encoder_attention_heads", "BEATs cfg: 'encoder_attention_heads' is 7; supported: a divisor of encoder_embed_dim, 768.")]
    [InlineData("[1]", "(root)", "BEATs cfg: '(root)' is [1]; supported: an object of settings.")]
    public void BeatsConfig_RefusesByName(string json, string key, string message) =>
        AssertRefused(() => BeatsConfig.Parse(PublishedConfigs.Json(json)), key, message);

    [Theory]
    [InlineData("""{ "hidden_act": "relu" }""", "hidden_act", "text encoder config: 'hidden_act' is \"relu\"; supported: quick_gelu or gelu.")]
    [InlineData("""{ "hidden_size": 700 }""", "num_attention_heads", "text encoder config: 'num_attention_heads' is absent; supported: a divisor of hidden_size, 700.")]
    public void ClipTextConfig_RefusesByName(string json, string key, string message) =>
        AssertRefused(() => ClipTextConfig.Parse(PublishedConfigs.Json(json)), key, message);

    [Theory]
    [InlineData("""{ "use_quant_conv": false }""", "use_quant_conv", "VAE config: 'use_quant_conv' is false; supported: true.")]
    [InlineData("""{ "shift_factor": 0.1 }""", "shift_factor", "VAE config: 'shift_factor' is 0.1; supported: absent or null.")]
    [InlineData("""{ "scaling_factor": 0 }""", "scaling_factor", "VAE config: 'scaling_factor' is 0; supported: a number above 0.")]
    public void VaeConfig_RefusesByName(string json, string key, string message) =>
        AssertRefused(() => VaeConfig.Parse(PublishedConfigs.Json(json)), key, message);

    private static void AssertRefused(Action parse, string key, string message)
    {
        ModelConfigException exception = Assert.Throws<ModelConfigException>(parse);
        Assert.Equal((4201, key, message), (exception.Code, exception.Key, exception.Message));
    }

    private static System.Text.Json.JsonElement With(string json, string key, string value)
    {
        JsonObject settings = JsonNode.Parse(json)!.AsObject();
        settings[key] = JsonNode.Parse(value);
        return PublishedConfigs.Json(settings.ToJsonString());
    }
}
