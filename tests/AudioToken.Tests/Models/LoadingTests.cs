using System.Text.Json;
using AudioToken.Models;
using AudioToken.Models.Beats;
using AudioToken.Models.Clip;
using AudioToken.Models.Fga;
using AudioToken.Models.Unet;
using AudioToken.Models.Vae;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Tests.Models;

/// <summary>Models ask for exactly what published files hold, in each spelling that exists.</summary>
public sealed class LoadingTests
{
    private static readonly VaeConfig s_vae = new() { Channels = [8, 16], LayersPerBlock = 1, NormGroups = 4 };

    private static readonly BeatsConfig s_beats = new()
    {
        EmbedWidth = 8, Width = 16, Layers = 3, Heads = 2, FeedForwardWidth = 24, PositionKernel = 8, PositionGroups = 4,
        DeepNorm = true, RelativePositions = true, GatedPositions = true, Buckets = 16, MaxDistance = 40,
    };

    [Fact]
    public void PublishedModels_AskForExactlyTheirTensors()
    {
        using ShapeOps ops = new();
        UnetModel.Load(ops, Formula(CheckpointShapes.Unet(PublishedConfigs.UnetSd1)), PublishedConfigs.UnetSd1).Dispose();
        UnetModel.Load(ops, Formula(CheckpointShapes.Unet(PublishedConfigs.UnetSd2, linearProjection: true)), PublishedConfigs.UnetSd2).Dispose();
        VaeDecoder.Load(ops, Formula(CheckpointShapes.Vae(new VaeConfig())), new VaeConfig()).Dispose();
        VaeEncoder.Load(ops, Formula(CheckpointShapes.Vae(new VaeConfig(), newAttentionNames: true)), new VaeConfig()).Dispose();
        ClipTextModel.Load(ops, Formula(CheckpointShapes.ClipText(PublishedConfigs.ClipSd1)), PublishedConfigs.ClipSd1).Dispose();
        ClipTextModel.Load(ops, Formula(CheckpointShapes.ClipText(PublishedConfigs.ClipSd2)), PublishedConfigs.ClipSd2).Dispose();
        FgaEmbedder.Load(ops, Formula(CheckpointShapes.Embedder(2304, 1024))).Dispose();
    }

    [Theory]
    [InlineData("tiny-hf")]
    [InlineData("tiny-hf-sd2")]
    public void CheckpointsInDiffusersLayout_FitTheirOwnConfigs(string folder)
    {
        using ShapeOps ops = new();
        using SafetensorsFile unet = Open("unet/diffusion_pytorch_model"), vae = Open("vae/diffusion_pytorch_model"), text = Open("text_encoder/model");
        using UnetModel unetModel = UnetModel.Load(ops, unet, UnetConfig.Parse(Config("unet")));
        using VaeDecoder decoder = VaeDecoder.Load(ops, vae, VaeConfig.Parse(Config("vae")));
        using VaeEncoder encoder = VaeEncoder.Load(ops, vae, VaeConfig.Parse(Config("vae")));
        using ClipTextModel textModel = ClipTextModel.Load(ops, text, ClipTextConfig.Parse(Config("text_encoder")));
        Assert.Equal(unetModel.Config.ContextWidth, textModel.Config.Width);
        Assert.Equal(unetModel.Config.InChannels, decoder.Config.LatentChannels);

        SafetensorsFile Open(string name) => SafetensorsFile.Open(Goldens.PathOf($"{folder}/{name}.safetensors"));
        JsonElement Config(string part) => PublishedConfigs.Json(File.ReadAllText(Goldens.PathOf($"{folder}/{part}/config.json")));
    }

    [Fact]
    public void Embedder_WithoutItsSecondLayer_IsRefusedByName()
    {
        using ShapeOps ops = new();
        using ArrayCheckpoint empty = new(new Dictionary<string, WeightSource>());
        ModelConfigException exception = Assert.Throws<ModelConfigException>(() => FgaEmbedder.Load(ops, empty));
        Assert.Equal("checkpoint in memory: 'fc2.weight' is absent; supported: a matrix [output width, input width].", exception.Message);
    }

    [Fact]
    public void Unet_ReportsAMissingAndAForeignTensorTogether()
    {
        UnetConfig config = ModelBehaviourTests.SmallUnet;
        Dictionary<string, Shape> shapes = new(CheckpointShapes.Unet(config)) { ["time_embedding.cond_proj.weight"] = [128, 256] };
        shapes.Remove("mid_block.resnets.1.conv2.bias");
        using ShapeOps ops = new();
        WeightException exception = Assert.Throws<WeightException>(() => UnetModel.Load(ops, Formula(shapes), config));
        Assert.Equal(["'mid_block.resnets.1.conv2.bias' [64]"], exception.Missing);
        Assert.Contains("time_embedding.cond_proj.weight", Assert.Single(exception.Unused), StringComparison.Ordinal);
    }

    [Fact]
    public void Lora_OfAudioTokenChangesEveryAttentionWeight()
    {
        UnetConfig config = PublishedConfigs.UnetSd1;
        IReadOnlyDictionary<string, Shape> lora = CheckpointShapes.Lora(config, rank: 4);
        Assert.Equal((256, 797_184L), (lora.Count, lora.Values.Sum(shape => shape.Count)));

        using ShapeOps ops = new();
        using LowRankTensors merged = new(Formula(CheckpointShapes.Unet(config)), new FormulaCheckpoint("lora/", lora));
        Assert.Equal(32 * 4, merged.MergedCount);
        UnetModel.Load(ops, merged, config).Dispose();
    }

    [Fact]
    public void ClipText_TakesItsVocabularyFromTheTable_AndLeavesPositionIdsAlone()
    {
        ClipTextConfig config = new() { Width = 8, Heads = 2, Layers = 1, FeedForwardWidth = 16, VocabularySize = 10 };
        Dictionary<string, Shape> shapes = new(CheckpointShapes.ClipText(config with { VocabularySize = 11 }))
        {
            ["text_model.embeddings.position_ids"] = [1, 77],
        };
        using ShapeOps ops = new();
        using ClipTextModel model = ClipTextModel.Load(ops, Formula(shapes), config);
        Assert.Equal(11, model.Config.VocabularySize);
    }

    [Fact]
    public void Vae_HalvesLoadAlone()
    {
        IReadOnlyDictionary<string, Shape> both = CheckpointShapes.Vae(s_vae);
        using ShapeOps ops = new();
        VaeDecoder.Load(ops, Formula(Only(both, "decoder", "post_quant_conv")), s_vae).Dispose();
        VaeEncoder.Load(ops, Formula(Only(both, "encoder", "quant_conv")), s_vae).Dispose();
    }

    [Fact]
    public void Vae_UnderstandsEverySpellingOfItsAttention()
    {
        using FormulaCheckpoint published = Formula(CheckpointShapes.Vae(s_vae));
        using ArrayCheckpoint renamed = ArrayCheckpoint.Of(published, source => (NewName(source.Name), source.Shape));
        using ArrayCheckpoint convolutions = ArrayCheckpoint.Of(published, source =>
            (source.Name, source.Name.Contains(".attentions.", StringComparison.Ordinal) && source.Shape.Rank == 2 ? [.. source.Shape, 1, 1] : source.Shape));

        float[] expected = Decode(published);
        Assert.Equal(expected, Decode(renamed));
        Assert.Equal(expected, Decode(convolutions));

        static string NewName(string name) => name
            .Replace(".query.", ".to_q.", StringComparison.Ordinal).Replace(".key.", ".to_k.", StringComparison.Ordinal)
            .Replace(".value.", ".to_v.", StringComparison.Ordinal).Replace(".proj_attn.", ".to_out.0.", StringComparison.Ordinal);
    }

    [Fact]
    public void Unet_UnderstandsOuterProjectionsOfEitherRank()
    {
        UnetConfig config = ModelBehaviourTests.SmallUnet;
        using FormulaCheckpoint sd1 = Formula(CheckpointShapes.Unet(config)), sd2 = Formula(CheckpointShapes.Unet(config, linearProjection: true));
        Assert.Equal(ModelBehaviourTests.Predict(sd1, config), ModelBehaviourTests.Predict(sd2, config));
    }

    [Fact]
    public void Beats_UnderstandsBothSpellingsOfWeightNorm_AndLeavesTheClassifierAlone()
    {
        using FormulaCheckpoint published = Formula(CheckpointShapes.Beats(s_beats));
        using ArrayCheckpoint resaved = ArrayCheckpoint.Of(published, source => (source.Name
            .Replace("weight_g", "parametrizations.weight.original0", StringComparison.Ordinal)
            .Replace("weight_v", "parametrizations.weight.original1", StringComparison.Ordinal), source.Shape));
        Dictionary<string, Shape> shapes = new(CheckpointShapes.Beats(s_beats)) { ["predictor.weight"] = [527, 16], ["predictor.bias"] = [527] };
        using FormulaCheckpoint finetuned = Formula(shapes);

        float[] expected = Encode(published);
        Assert.Equal(expected, Encode(resaved));
        Assert.Equal(expected, Encode(finetuned));
    }

    [Fact]
    public void Beats_RefusesLessThanOnePatchOfSound()
    {
        using ShapeOps ops = new();
        using BeatsEncoder encoder = BeatsEncoder.Load(ops, Formula(CheckpointShapes.Beats(s_beats)), s_beats);
        using TensorScope scope = ops.Scope();
        AudioTokenException exception = Assert.Throws<AudioTokenException>(() => encoder.Forward(ops, ops.New([1, 15, 128])));
        Assert.Equal((3401, "The sound is too short for BEATs: 15 feature frames, wanted at least 16."), (exception.Code, exception.Message));
        Assert.Equal(new Shape([1, 8, 48]), encoder.Forward(ops, ops.New([1, 16, 128])).Shape);
        Assert.Equal(new Shape([1, 8, 48]), encoder.Forward(ops, ops.New([1, 31, 128])).Shape);
        Assert.Equal("BEATs: features are [1, 16, 64], wanted [B, F, 128].", Assert.Throws<ShapeException>(() => encoder.Forward(ops, ops.New([1, 16, 64]))).Message);
    }

    private static FormulaCheckpoint Formula(IReadOnlyDictionary<string, Shape> shapes) => new("loading/", shapes);

    private static Dictionary<string, Shape> Only(IReadOnlyDictionary<string, Shape> shapes, params string[] parts) =>
        shapes.Where(pair => parts.Any(part => pair.Key.StartsWith(part + ".", StringComparison.Ordinal))).ToDictionary();

    private static float[] Decode(TensorCollection tensors)
    {
        using ReferenceOps ops = new();
        using VaeDecoder decoder = VaeDecoder.Load(ops, tensors, s_vae);
        using TensorScope scope = ops.Scope();
        Shape shape = [1, 2, 3, 4];
        float[] image = new float[4 * 6 * 3];
        ops.Download(decoder.Forward(ops, ops.Upload(WeightFormula.GaussLike("latent", shape), shape)), image);
        return image;
    }

    private static float[] Encode(TensorCollection tensors)
    {
        using ReferenceOps ops = new();
        using BeatsEncoder encoder = BeatsEncoder.Load(ops, tensors, s_beats);
        using TensorScope scope = ops.Scope();
        Shape shape = [1, 33, 128];
        float[] features = new float[16 * 48];
        ops.Download(encoder.Forward(ops, ops.Upload(WeightFormula.GaussLike("fbank", shape), shape)), features);
        return features;
    }
}
