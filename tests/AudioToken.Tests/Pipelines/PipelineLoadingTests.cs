using System.Text.Json.Nodes;
using AudioToken.Backends.Cpu;
using AudioToken.Pipelines;
using AudioToken.Sampling;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Tests.Weights;
using AudioToken.Weights;
using Xunit;
using TinyModel = AudioToken.Testing.TinyModel;

namespace AudioToken.Tests.Pipelines;

/// <summary>Loading is strict, says what does not fit, and leaves nothing behind where it fails.</summary>
public sealed class PipelineLoadingTests(TinyPipeline tiny) : IClassFixture<TinyPipeline>
{
    private const string Family = "768 belongs to Stable Diffusion 1.x, 1024 to 2.x: take all components from one family";
    private const string Supported = "take a text-to-image model of the family of Stable Diffusion 1.x or 2.x; others are not supported";

    [Fact]
    public void Model_SaysWhatWasLoaded()
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        Assert.Equal(new ModelInfo("tiny-hf", Note: null, ImageSize: 128, TokenWidth: 32, SamplerKind.Pndm, HasLora: false), pipeline.Model);
    }

    [Fact]
    public void Nothing_IsRefusedByName()
    {
        using ModelFiles files = ModelFiles.Open(Goldens.PathOf("tiny-hf"));
        using CpuOps ops = new(new CpuOptions { Threads = 1 });
        Assert.Throws<ArgumentNullException>("files", () => AudioToImagePipeline.Load(null!, ops));
        Assert.Throws<ArgumentNullException>("ops", () => AudioToImagePipeline.Load(files, null!));
    }

    [Fact]
    public void EmbedderOfAnotherFamily_DoesNotFit()
    {
        using TinyModel other = new(sd2: true);
        using ModelFiles files = ModelFiles.Open(Goldens.PathOf("tiny-hf"), other.Options);
        Fails(files, 4120, "tiny-hf: the embedder gives 48 channels, but the text encoder takes 32", Family);
    }

    [Fact]
    public void TextEncoderOfAnotherFamily_DoesNotFit()
    {
        using TemporaryFolder folder = Folder("text_encoder", from: "tiny-hf-sd2");
        Fails(folder, 4120, "the UNet attends to 32 channels, but the text encoder gives 48", Family);
    }

    [Theory]
    [InlineData("unet", "in_channels", 9, "channels that the UNet takes: 9, wanted 4")] // inpainting
    [InlineData("unet", "out_channels", 8, "channels that the UNet gives: 8, wanted 4")]
    [InlineData("vae", "latent_channels", 16, "channels of the VAE's latents: 16, wanted 4")]
    [InlineData("text_encoder", "max_position_embeddings", 64, "positions of the text encoder: 64, wanted 77")]
    public void ModelOfAnotherKind_IsRefused(string part, string key, int value, string message)
    {
        using TemporaryFolder folder = Folder();
        Edit(folder, part + "/config.json", json => json[key] = value);
        Fails(folder, 4121, message, Supported);
    }

    [Fact]
    public void VaeOfAnotherScale_IsRefused()
    {
        using TemporaryFolder folder = Folder();
        Edit(folder, "vae/config.json", json =>
        {
            json["block_out_channels"] = new JsonArray(8, 8, 16);
            json["down_block_types"] = new JsonArray("DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D");
            json["up_block_types"] = new JsonArray("UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D");
        });
        Fails(folder, 4121, "pixels of the VAE for one of its latents: 4, wanted 8", Supported);
    }

    [Theory]
    [InlineData(false, true, "Beats is missing.")]
    [InlineData(true, false, "Embedder is missing.")]
    public void MissingPart_IsNamedWithThePlacesLookedAt(bool beats, bool embedder, string message)
    {
        using TinyModel model = new();
        using ModelFiles files = ModelFiles.Open(
            model.ModelFolder, new ModelFilesOptions { BeatsPath = beats ? model.Options.BeatsPath : null, EmbedderPath = embedder ? model.Options.EmbedderPath : null });
        AudioTokenException exception = Fails(files);
        Assert.Equal((4110, "It is a file of its own: name it, or put it there."), (exception.Code, exception.Hint));
        Assert.StartsWith("tiny-hf: " + message, exception.Message, StringComparison.Ordinal);
        Assert.Contains(beats ? "embedder.safetensors" : "beats.safetensors", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void BrokenWeights_FreeWhatWasLoadedBefore()
    {
        // The VAE comes last: everything else is loaded by then.
        using TemporaryFolder folder = Folder();
        SafetensorsWriter writer = new();
        writer.Add("decoder.conv_in.weight", [1], new float[1]);
        writer.Save(folder.PathOf("vae/diffusion_pytorch_model.safetensors"));
        using ModelFiles files = ModelFiles.Open(folder.Path, tiny.PartsOutside);
        Assert.IsType<WeightException>(Fails(files));
    }

    [Theory]
    [InlineData("\"HeunDiscreteScheduler\"", "'HeunDiscreteScheduler'")]
    [InlineData("null", "missing")]
    public void UnknownScheduler_CanBeReplacedByANamedSampler(string className, string found)
    {
        using TemporaryFolder folder = Folder();
        Edit(folder, "scheduler/scheduler_config.json", json => json["_class_name"] = JsonNode.Parse(className));
        using ModelFiles files = ModelFiles.Open(folder.Path, tiny.PartsOutside);
        using AudioToImagePipeline pipeline = AudioToImagePipeline.Load(files, TinyPipeline.NewOps());
        Assert.Null(pipeline.Model.DefaultSampler);
        SchedulerConfigException exception = Assert.Throws<SchedulerConfigException>(
            () => { _ = pipeline.GenerateAsync(TinyPipeline.Request with { Sampler = null }, cancellation: TinyPipeline.TestEnd); });
        Assert.Equal(
            (4402, $"scheduler_config.json: '_class_name' is {found}; supported: PNDMScheduler, DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, "
                + "EulerDiscreteScheduler, EulerAncestralDiscreteScheduler, LCMScheduler.", "name a sampler instead: --sampling-method pndm"),
            (exception.Code, exception.Message, exception.Hint));
        Assert.Equal(tiny.Fresh(TinyPipeline.Request), TinyPipeline.Bytes(pipeline.Generate(TinyPipeline.Request, cancellation: TinyPipeline.TestEnd)));
    }

    [Fact]
    public void UnknownPredictionType_FailsTheLoad()
    {
        using TemporaryFolder folder = Folder();
        Edit(folder, "scheduler/scheduler_config.json", json => json["prediction_type"] = "flow");
        using ModelFiles files = ModelFiles.Open(folder.Path, tiny.PartsOutside);
        Assert.Equal(4402, Assert.IsType<SchedulerConfigException>(Fails(files)).Code);
    }

    [Fact]
    public void LoraScale_WeighsTheLora()
    {
        using TinyModel model = new(lora: true);
        using ModelFiles files = model.Open();
        (bool with, byte[][] full) = Draw(files, new LoadOptions());
        (bool half, byte[][] weaker) = Draw(files, new LoadOptions { LoraScale = 0.5f });
        (bool without, byte[][] none) = Draw(files, new LoadOptions { LoraScale = 0 });
        Assert.Equal((true, true, false), (with, half, without));
        Assert.Equal(tiny.Fresh(TinyPipeline.Request), none);
        Assert.NotEqual(none, full);
        Assert.NotEqual(none, weaker);
        Assert.NotEqual(full, weaker);
    }

    [Fact]
    public void LoraScale_OfNoNumber_IsRefused()
    {
        CpuOps ops = TinyPipeline.NewOps();
        AudioTokenException exception = Assert.Throws<AudioTokenException>(() => AudioToImagePipeline.Load(tiny.Files, ops, new LoadOptions { LoraScale = float.NaN }));
        Assert.Equal((2022, "the LoRA scale is NaN, wanted a finite number", "1 is as trained, 0 leaves it out"), (exception.Code, exception.Message, exception.Hint));
        Assert.Throws<ObjectDisposedException>(() => ops.Scope());
    }

    [Fact]
    public void ModelHash_IsInTheMetadataIfWanted()
    {
        using AudioToImagePipeline pipeline = tiny.Load(), plain = AudioToImagePipeline.Load(tiny.Files, TinyPipeline.NewOps(), new LoadOptions { HashModel = false });
        GenerationRequest request = TinyPipeline.Request with { Steps = 1 };
        Assert.Equal(tiny.Files.ContentHash, pipeline.Generate(request, cancellation: TinyPipeline.TestEnd).Images[0].Parameters.ModelHash);
        Assert.Null(plain.Generate(request, cancellation: TinyPipeline.TestEnd).Images[0].Parameters.ModelHash);
    }

    [Fact]
    public void KarrasOfTheConfiguration_IsInTheMetadata()
    {
        using TemporaryFolder folder = Folder();
        Edit(folder, "scheduler/scheduler_config.json", json => json["use_karras_sigmas"] = true);
        using ModelFiles files = ModelFiles.Open(folder.Path, tiny.PartsOutside);
        using AudioToImagePipeline pipeline = AudioToImagePipeline.Load(files, TinyPipeline.NewOps());
        string? Title(SamplerKind sampler, bool? karras) => pipeline.Generate(
            TinyPipeline.Request with { Sampler = sampler, Karras = karras, Steps = 2 }, cancellation: TinyPipeline.TestEnd).Images[0].Parameters.Sampler;
        Assert.Equal("Euler Karras", Title(SamplerKind.Euler, null));
        Assert.Equal("Euler Karras", Title(SamplerKind.Euler, true));
        Assert.Equal("Euler", Title(SamplerKind.Euler, false));
        Assert.Equal("DDIM", Title(SamplerKind.Ddim, null));
    }

    private static (bool HasLora, byte[][] Pictures) Draw(ModelFiles files, LoadOptions options)
    {
        using AudioToImagePipeline pipeline = AudioToImagePipeline.Load(files, TinyPipeline.NewOps(), options);
        return (pipeline.Model.HasLora, TinyPipeline.Bytes(pipeline.Generate(TinyPipeline.Request, cancellation: TinyPipeline.TestEnd)));
    }

    // A copy of the small model, with one of its folders from another.
    private static TemporaryFolder Folder(string? replaced = null, string? from = null)
    {
        TemporaryFolder folder = new();
        folder.CopyFrom(Goldens.PathOf("tiny-hf"));
        foreach (string file in replaced is null ? [] : Directory.GetFiles(Path.Combine(Goldens.PathOf(from!), replaced)))
            File.Copy(file, folder.PathOf(Path.Combine(replaced!, Path.GetFileName(file))), overwrite: true);
        return folder;
    }

    private static void Edit(TemporaryFolder folder, string file, Action<JsonObject> edit)
    {
        JsonObject json = JsonNode.Parse(File.ReadAllText(folder.PathOf(file)))!.AsObject();
        edit(json);
        File.WriteAllText(folder.PathOf(file), json.ToJsonString());
    }

    private void Fails(TemporaryFolder folder, int code, string message, string hint)
    {
        using ModelFiles files = ModelFiles.Open(folder.Path, tiny.PartsOutside);
        Fails(files, code, $"{files.Name}: {message}", hint);
    }

    private static void Fails(ModelFiles files, int code, string message, string hint)
    {
        AudioTokenException exception = Fails(files);
        Assert.Equal((code, message, hint), (exception.Code, exception.Message, exception.Hint));
    }

    // Loading fails, and gives back the weights loaded until then and the backend.
    private static AudioTokenException Fails(ModelFiles files)
    {
        CpuOps ops = TinyPipeline.NewOps();
        AudioTokenException exception = Assert.ThrowsAny<AudioTokenException>(() => AudioToImagePipeline.Load(files, ops));
        Assert.Equal((0, 0, 0), (ops.MemoryStatistics.WeightBytes, ops.MemoryStatistics.HeldBytes, ops.LiveTensorCount));
        Assert.Throws<ObjectDisposedException>(() => ops.Scope());
        return exception;
    }
}
