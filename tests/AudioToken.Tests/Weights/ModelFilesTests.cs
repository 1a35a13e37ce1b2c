using System.Security.Cryptography;
using System.Text;
using AudioToken.Tensors;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Tests.Weights;

public sealed class ModelFilesTests : IDisposable
{
    private readonly TinyModel _tiny = new();

    public void Dispose() => _tiny.Dispose();

    [Fact]
    public void Folder_GivesTensorsConfigsAndTokenizer()
    {
        using ModelFiles model = ModelFiles.Open(_tiny.Folder.Path);
        Assert.IsType<DiffusersFolder>(model);
        Assert.Equal(Path.GetFileName(_tiny.Folder.Path), model.Name);
        foreach (ModelComponent component in Enum.GetValues<ModelComponent>())
        {
            Assert.True(model.Has(component));
            using TensorCollection tensors = model.Open(component);
            Assert.NotEmpty(tensors.Names);
        }

        using TensorCollection unet = model.Open(ModelComponent.Unet);
        Assert.Equal("unet/diffusion_pytorch_model.safetensors", unet.Description);
        Assert.Equal(new Shape(16, 4, 3, 3), unet.Find("conv_in.weight")!.Shape);
        Assert.Equal(TinyModel.BeatsConfig, model.ConfigJson(ModelComponent.Beats));
        Assert.Equal("{}", model.ConfigJson(ModelComponent.Embedder));
        Assert.Contains("\"cross_attention_dim\": 32", model.ConfigJson(ModelComponent.Unet), StringComparison.Ordinal);
        Assert.Contains("CLIPTextModel", model.ConfigJson(ModelComponent.Text), StringComparison.Ordinal);
        Assert.Contains("AutoencoderKL", model.ConfigJson(ModelComponent.Vae), StringComparison.Ordinal);
        Assert.Contains("PNDMScheduler", model.SchedulerConfigJson, StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes(_tiny.Folder.PathOf("tokenizer/merges.txt")), model.TokenizerFile("merges.txt"));
        Assert.Null(model.FindTokenizerFile("added_tokens.json"));
        Assert.Equal($"{model.Name}: the tokenizer file 'added_tokens.json' is missing.", Assert.Throws<WeightFileException>(() => model.TokenizerFile("added_tokens.json")).Message);
    }

    [Fact]
    public void Hash_OfAFolder_IsThatOfItsFilesHashes()
    {
        using ModelFiles model = _tiny.Open();
        Assert.Equal(
            ["beats.safetensors", "embedder.safetensors", "text_encoder/model.safetensors", "unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors", "lora.safetensors"],
            model.Sources.Select(source => source.Name));
        foreach (ModelSource source in model.Sources)
        {
            byte[] content = File.ReadAllBytes(_tiny.Folder.PathOf(source.Name));
            Assert.Equal((content.LongLength, Convert.ToHexStringLower(SHA256.HashData(content))), (source.Length, source.Sha256));
        }

        string hashes = string.Concat(model.Sources.Select(source => source.Sha256));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(hashes))), model.ContentHash);
        Assert.Equal(model.ContentHash[..10], model.ModelHash);
    }

    [Fact]
    public void Options_ReplaceAndAdd()
    {
        string other = _tiny.Folder.PathOf("other.safetensors");
        SafetensorsWriter writer = new();
        writer.Add("only", [1], [1f]);
        writer.Save(other);
        using ModelFiles model = ModelFiles.Open(_tiny.Folder.Path, new ModelFilesOptions { BeatsPath = other, LoraPath = other });
        using TensorCollection beats = model.Open(ModelComponent.Beats), lora = model.Open(ModelComponent.Lora);
        Assert.Equal(["only"], beats.Names);
        Assert.Equal(["only"], lora.Names);
        // No configuration in that file: the published checkpoint's.
        Assert.Contains("\"max_distance\":800", model.ConfigJson(ModelComponent.Beats), StringComparison.Ordinal);
        Assert.Equal(["other.safetensors", "embedder.safetensors"], model.Sources.Take(2).Select(source => source.Name));
    }

    [Fact]
    public void Variant_IsPreferred_AndFallsBackToThePlainFile()
    {
        SafetensorsWriter writer = new();
        writer.Add("only", [1], [1f]);
        writer.Save(_tiny.Folder.PathOf("unet/diffusion_pytorch_model.fp16.safetensors"));
        using DiffusersFolder model = _tiny.Open("fp16");
        using TensorCollection unet = model.Open(ModelComponent.Unet), vae = model.Open(ModelComponent.Vae);
        Assert.Equal("unet/diffusion_pytorch_model.fp16.safetensors", unet.Description);
        Assert.Equal("vae/diffusion_pytorch_model.safetensors", vae.Description);
    }

    [Theory, InlineData(null), InlineData("bf16")]
    public void HalfPrecision_IsTakenWhereNothingElseIsThere(string? variant)
    {
        File.Move(_tiny.Folder.PathOf("unet/diffusion_pytorch_model.safetensors"), _tiny.Folder.PathOf("unet/diffusion_pytorch_model.fp16.safetensors"));
        using DiffusersFolder model = _tiny.Open(variant);
        using TensorCollection unet = model.Open(ModelComponent.Unet);
        Assert.Equal("unet/diffusion_pytorch_model.fp16.safetensors", unet.Description);
    }

    [Fact]
    public void Shards_AreOpenedByTheirIndex()
    {
        File.Delete(_tiny.Folder.PathOf("vae/diffusion_pytorch_model.safetensors"));
        SafetensorsWriter writer = new();
        writer.Add("only", [1], [1f]);
        writer.Save(_tiny.Folder.PathOf("vae/part-1.safetensors"));
        _tiny.Folder.Write("vae/diffusion_pytorch_model.safetensors.index.json", """{"weight_map":{"only":"part-1.safetensors"}}"""u8);
        using DiffusersFolder model = _tiny.Open();
        using TensorCollection vae = model.Open(ModelComponent.Vae);
        Assert.Equal(["only"], vae.Names);
        Assert.Contains("vae/part-1.safetensors", model.Sources.Select(source => source.Name));
    }

    [Fact]
    public void MissingComponent_IsNamedWithEveryPlaceLookedAt()
    {
        File.Delete(_tiny.Folder.PathOf("unet/diffusion_pytorch_model.safetensors"));
        using DiffusersFolder model = _tiny.Open("fp16");
        Assert.False(model.Has(ModelComponent.Unet));
        WeightFileException exception = Assert.Throws<WeightFileException>(() => model.Open(ModelComponent.Unet));
        Assert.Equal(4110, exception.Code);
        string weights = Path.Combine(_tiny.Folder.Path, "unet/diffusion_pytorch_model");
        Assert.Equal(
            $"{model.Name}: Unet is missing.\n  tried: {weights}.fp16.safetensors\n  tried: {weights}.safetensors.index.fp16.json\n  tried: {weights}.safetensors\n  tried: {weights}.safetensors.index.json"
            + $"\n  tried: {weights}.bf16.safetensors\n  tried: {weights}.safetensors.index.bf16.json",
            exception.Message);
    }

    [Theory]
    [InlineData("text_encoder/model.safetensors", "text_encoder/pytorch_model.bin", ModelComponent.Text)]
    [InlineData("beats.safetensors", "beats.pt", ModelComponent.Beats)]
    public void Pickle_InPlaceOfSafetensors_IsToBeConverted(string file, string pickle, ModelComponent component)
    {
        File.Move(_tiny.Folder.PathOf(file), _tiny.Folder.PathOf(pickle));
        using DiffusersFolder model = _tiny.Open();
        WeightFileException exception = Assert.Throws<WeightFileException>(() => model.Open(component));
        Assert.StartsWith($"{model.Name}: {component} is there as '{pickle}' only, a PyTorch pickle, which is not read here.", exception.Message, StringComparison.Ordinal);
        Assert.Equal("Convert it to safetensors first.", exception.Hint);
    }

    [Fact]
    public void DanglingLink_IsSaidToBeOne()
    {
        string path = _tiny.Folder.PathOf("vae/diffusion_pytorch_model.safetensors");
        File.Delete(path);
        File.CreateSymbolicLink(path, "../../blobs/4d7a");
        using DiffusersFolder model = _tiny.Open();
        AudioTokenException exception = Assert.Throws<AudioTokenException>(() => model.Open(ModelComponent.Vae));
        Assert.Equal((8101, $"Cannot read '{path}': it is a link to '../../blobs/4d7a', which does not exist."), (exception.Code, exception.Message));
    }

    [Fact]
    public void ConfigThatIsMissingOrNoJson_IsNamed()
    {
        _tiny.Folder.Write("unet/config.json", "{"u8);
        File.Delete(_tiny.Folder.PathOf("scheduler/scheduler_config.json"));
        using DiffusersFolder model = _tiny.Open();
        Assert.StartsWith("unet/config.json: the file is not valid JSON: ", Assert.Throws<WeightFileException>(() => model.ConfigJson(ModelComponent.Unet)).Message, StringComparison.Ordinal);
        Assert.StartsWith($"{model.Name}: the configuration 'scheduler/scheduler_config.json' is missing.\n  tried: ", Assert.Throws<WeightFileException>(() => model.SchedulerConfigJson).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FolderThatIsNoModel_SaysWhatWasLookedFor()
    {
        string folder = Path.GetDirectoryName(_tiny.Folder.PathOf("unet/config.json"))!;
        WeightFileException exception = Assert.Throws<WeightFileException>(() => ModelFiles.Open(folder));
        Assert.Equal($"unet: the folder has no model_index.json, so it is not a model in diffusers' layout; looked for '{Path.Combine(folder, "model_index.json")}'.", exception.Message);
    }

    [Fact]
    public void SafetensorsThatIsNoBundle_IsRefused()
    {
        WeightFileException exception = Assert.Throws<WeightFileException>(() => ModelFiles.Open(_tiny.Folder.PathOf("unet/diffusion_pytorch_model.safetensors")));
        Assert.Equal((4111, "diffusion_pytorch_model.safetensors: this is a safetensors file, but not a bundle: its metadata 'format' is 'pt', wanted 'audiotoken-bundle'."), (exception.Code, exception.Message));

        SafetensorsWriter writer = new();
        writer.Add("model.diffusion_model.out.2.bias", [1], [1f]);
        string path = _tiny.Folder.PathOf("v1-5.safetensors");
        writer.Save(path);
        exception = Assert.Throws<WeightFileException>(() => ModelFiles.Open(path));
        Assert.StartsWith("v1-5.safetensors: this is a single-file Stable Diffusion checkpoint, not a bundle", exception.Message, StringComparison.Ordinal);

        writer.SetMetadata("format", "audiotoken-bundle");
        writer.SetMetadata("version", "2");
        writer.Save(path);
        exception = Assert.Throws<WeightFileException>(() => ModelFiles.Open(path));
        Assert.Equal("v1-5.safetensors: the bundle has version '2', this library reads version 1.", exception.Message);
    }

    [Fact]
    public void BundleWithoutAPart_NamesThePart()
    {
        SafetensorsWriter writer = new();
        writer.SetMetadata("format", "audiotoken-bundle");
        writer.SetMetadata("version", "1");
        writer.Add("tokenizer.vocab.json", [1], [1f]);
        string path = _tiny.Folder.PathOf("empty.safetensors");
        writer.Save(path);
        using ModelFiles model = ModelFiles.Open(path);
        Assert.Equal("empty.safetensors: the bundle has no Vae: no tensor's name begins with 'vae.'.", Assert.Throws<WeightFileException>(() => model.Open(ModelComponent.Vae)).Message);
        Assert.Equal("empty.safetensors: the bundle's metadata has no 'config.unet'.", Assert.Throws<WeightFileException>(() => model.ConfigJson(ModelComponent.Unet)).Message);
        Assert.Equal("empty.safetensors: 'tokenizer.vocab.json' is F32 [1], wanted U8: the bytes of a file.", Assert.Throws<WeightFileException>(() => model.TokenizerFile("vocab.json")).Message);
    }
}
