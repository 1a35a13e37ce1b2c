using AudioToken.Models.Vae;
using AudioToken.Tensors;
using AudioToken.Tests.Models;
using AudioToken.WeightsConverter;
using Xunit;

namespace AudioToken.Tests.WeightsConverter;

public sealed class CheckpointArchitectureTests
{
    [Fact]
    public void PublishedModels_AreNamed()
    {
        Assert.Equal("UNet of Stable Diffusion 1.x (cross attention 768 wide)", Describe(CheckpointShapes.Unet(PublishedConfigs.UnetSd1)));
        Assert.Equal("UNet of Stable Diffusion 2.x (cross attention 1024 wide)", Describe(CheckpointShapes.Unet(PublishedConfigs.UnetSd2, linearProjection: true)));
        Assert.Equal("VAE (AutoencoderKL, 4 latent channels)", Describe(CheckpointShapes.Vae(new VaeConfig())));
        Assert.Equal("CLIP text encoder (12 layers, 768 wide, 49,408 tokens)", Describe(CheckpointShapes.ClipText(PublishedConfigs.ClipSd1)));
        Assert.Equal("CLIP text encoder (23 layers, 1024 wide, 49,408 tokens)", Describe(CheckpointShapes.ClipText(PublishedConfigs.ClipSd2)));
        Assert.Equal("BEATs (12 layers, 768 wide)", Describe(CheckpointShapes.Beats(PublishedConfigs.Beats)));
        Assert.Equal("AudioToken embedder (token 768 wide)", Describe(CheckpointShapes.Embedder(2304, 768)));
        Assert.Equal("LoRA of rank 4", Describe(CheckpointShapes.Lora(PublishedConfigs.UnetSd1, rank: 4)));
    }

    [Theory]
    [InlineData("lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight")]
    [InlineData("unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight")]
    [InlineData("down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora.down.weight")]
    public void EverySpellingOfALora_IsNamed(string name) => Assert.Equal("LoRA of rank 8", Describe(new Dictionary<string, Shape> { [name] = [8, 320] }));

    [Theory]
    [InlineData(768, "Stable Diffusion 1.x (cross attention 768 wide)")]
    [InlineData(2048, "Stable Diffusion XL (cross attention 2048 wide), which is not drawn with here")]
    public void SingleFile_IsNamedWithItsParts(int width, string family)
    {
        Dictionary<string, Shape> shapes = new()
        {
            ["model_ema.diffusion_modelinput_blocks00weight"] = [320, 4, 3, 3],
            ["model.diffusion_model.input_blocks.0.0.weight"] = [320, 4, 3, 3],
            ["model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"] = [320, width],
            ["first_stage_model.decoder.conv_in.weight"] = [512, 4, 3, 3],
            ["cond_stage_model.transformer.text_model.final_layer_norm.bias"] = [768],
        };

        Assert.Equal($"single-file checkpoint (LDM names) of {family}: UNet, VAE, text encoder, EMA copies", Describe(shapes));
    }

    [Fact]
    public void TextualInversion_IsNamed()
    {
        Assert.Equal("textual inversion of 2 vectors, 768 wide", Describe(new Dictionary<string, Shape> { ["emb_params"] = [2, 768] }));
        Assert.Equal("textual inversion of 1 vectors, 1024 wide", Describe(new Dictionary<string, Shape> { ["string_to_param.*"] = [1, 1024] }));
    }

    [Fact]
    public void AnythingElse_IsNotGuessedAt()
    {
        Assert.Null(Describe(new Dictionary<string, Shape> { ["w"] = [3] }));
        Assert.Null(Describe(new Dictionary<string, Shape>()));
        Assert.Null(Describe(new Dictionary<string, Shape> { ["decoder.conv_in.weight"] = [3], ["fga.un_models.0.embed.weight"] = [3] }));
    }

    private static string? Describe(IReadOnlyDictionary<string, Shape> shapes) =>
        CheckpointArchitecture.Describe(shapes.ToDictionary(pair => pair.Key, pair => (IReadOnlyList<long>)[.. Enumerable.Range(0, pair.Value.Rank).Select(axis => (long)pair.Value[axis])]));
}
