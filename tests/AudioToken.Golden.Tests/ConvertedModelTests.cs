using AudioToken.Backends.Cpu;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Testing.Torch;
using AudioToken.Weights;
using AudioToken.WeightsConverter;
using AudioToken.WeightsConverter.Hub;
using Xunit;

namespace AudioToken.Golden.Tests;

/// <summary>The recorded models in every form they come in, converted into a bundle: the recorded pictures must come out of it.</summary>
public sealed class ConvertedModelTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("audiotoken-converted-").FullName;

    private static string First(string file) => Path.Combine(Goldens.PathOf("tiny-hf"), file);

    private static string Second(string file) => Path.Combine(Goldens.PathOf("tiny-hf-sd2"), file);

    [Theory]
    [InlineData("b12_pipeline_synth", "synth_sd1_pndm5")]
    [InlineData("b12_pipeline_synth", "synth_sd1_ddim5_rect")]
    [InlineData("b9_pipeline_tiny", "sd1_ddim5")]
    public void Folder_WithPublishedParts(string file, string name) => Check(new ModelRequest { Model = Goldens.PathOf("tiny-hf") }, file, name);

    [Fact]
    public void Folder_OfPickles()
    {
        string folder = Path.Combine(_folder, "pickles");
        foreach (string source in Directory.EnumerateFiles(Goldens.PathOf("tiny-hf"), "*", SearchOption.AllDirectories).Where(path => !path.EndsWith(".safetensors", StringComparison.Ordinal)))
        {
            string target = Path.Combine(folder, Path.GetRelativePath(Goldens.PathOf("tiny-hf"), source));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(source, target);
        }

        Assert.True(File.Exists(Path.Combine(folder, "unet", "diffusion_pytorch_model.bin")));
        Check(new ModelRequest { Model = folder }, "b12_pipeline_synth", "synth_sd1_pndm5");
    }

    [Theory]
    [InlineData("zip.ckpt")]
    [InlineData("legacy.ckpt")]
    [InlineData("single.safetensors")]
    public void SingleFile(string form) => Check(
        new ModelRequest { Model = WriteSingleFile(form, Goldens.PathOf("tiny-hf"), openClip: false), Config = Goldens.PathOf("tiny-hf") }, "b12_pipeline_synth", "synth_sd1_pndm5");

    [Theory]
    [InlineData("b12_pipeline_synth", "synth_sd2_pndm5_vpred")]
    [InlineData("b9_pipeline_tiny", "sd2_ddim5_vpred")]
    public void SecondGenerationFolder(string file, string name) => Check(new ModelRequest { Model = Goldens.PathOf("tiny-hf-sd2") }, file, name, second: true);

    [Theory]
    [InlineData("zip.ckpt")]
    [InlineData("single.safetensors")]
    public void SecondGenerationSingleFile(string form) => Check(
        new ModelRequest { Model = WriteSingleFile(form, Goldens.PathOf("tiny-hf-sd2"), openClip: true), Config = Goldens.PathOf("tiny-hf-sd2") }, "b12_pipeline_synth", "synth_sd2_pndm5_vpred", second: true);

    [Theory]
    [InlineData(null)] // kept beside
    [InlineData(1f)]   // merged
    public void Lora(float? scale) => Check(
        new ModelRequest { Model = Goldens.PathOf("tiny-hf"), Lora = First("lora_layers_learned_embeds.bin"), LoraScale = scale }, "b12_pipeline_synth", "synth_sd1_lora_pndm5");

    [Fact]
    public void PartsConvertedAlone_Join()
    {
        string beats = Build("beats", new ModelRequest { Beats = First("BEATs_tiny.pt") }, partial: true), embedder = Build("embedder", new ModelRequest { Embedder = First("embedder_learned_embeds.bin") }, partial: true);
        string model = Build("diffusion", new ModelRequest { Model = Goldens.PathOf("tiny-hf") }, partial: true);
        string whole = Build("whole", new ModelRequest { Model = model, Beats = beats, Embedder = embedder });
        using ModelFiles files = ModelFiles.Open(whole);
        PipelineGoldenTests.CheckRecording(files, "b12_pipeline_synth", "synth_sd1_pndm5", new CpuOps());
    }

    [Fact]
    public void PublishedHalfPrecisionSingleFile_HoldsTheFoldersWeightsRounded()
    {
        string single = Build("single", new ModelRequest { Model = First("single_file_ldm_fp16.safetensors"), Config = Goldens.PathOf("tiny-hf") }, partial: true);
        string folder = Build("folder", new ModelRequest { Model = Goldens.PathOf("tiny-hf") }, partial: true, DTypePolicy.F16);
        using SafetensorsFile first = SafetensorsFile.Open(single), second = SafetensorsFile.Open(folder);
        // The folder's VAE has the attention names of its time, the converted one today's.
        using RenamedTensors modern = new(second, second.Description, Modern);
        TensorComparison comparison = TensorComparison.Of(first, modern, TestContext.Current.CancellationToken);
        Assert.Empty(comparison.OnlyFirst);
        Assert.Empty(comparison.OnlySecond);
        Assert.Empty(comparison.Misshapen);
        Assert.Empty(comparison.Different);
        Assert.Equal(first.Names.Count(), comparison.Equal);
    }

    [Fact]
    public void SameInputs_GiveTheSameBytes()
    {
        ModelRequest request = new() { Model = Goldens.PathOf("tiny-hf"), Beats = First("BEATs_tiny.pt"), Embedder = First("embedder_learned_embeds.bin") };
        Assert.Equal(File.ReadAllBytes(Build("a", request)), File.ReadAllBytes(Build("b", request)));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void Check(ModelRequest request, string file, string name, bool second = false)
    {
        Func<string, string> of = second ? Second : First;
        string bundle = Build("bundle", request with { Beats = of("BEATs_tiny.pt"), Embedder = of("embedder_learned_embeds.bin") });
        using ModelFiles files = ModelFiles.Open(bundle);
        PipelineGoldenTests.CheckRecording(files, file, name, new CpuOps());
    }

    private string Build(string name, ModelRequest request, bool partial = false, DTypePolicy policy = DTypePolicy.Keep)
    {
        string path = Path.Combine(_folder, name + ".safetensors");
        using GatheredModel model = GatheredModel.Open(request, new HubCache(Path.Combine(_folder, "no-cache")));
        new BundleBuilder { AllowMissing = partial, Policy = policy, Notes = model.Notes }.Build(model, path, cancellationToken: TestContext.Current.CancellationToken);
        return path;
    }

    private string WriteSingleFile(string form, string folder, bool openClip)
    {
        using ModelFiles model = ModelFiles.Open(folder);
        using TensorCollection unet = model.Open(ModelComponent.Unet), vae = model.Open(ModelComponent.Vae), text = model.Open(ModelComponent.Text);
        WeightSource[] sources = [.. LdmCheckpoint.Of(unet, vae, text, openClip)];
        string path = Path.Combine(_folder, form);
        if (form.EndsWith(".safetensors", StringComparison.Ordinal))
        {
            SafetensorsWriter writer = new();
            foreach (WeightSource source in sources)
                writer.Add(source, source.DType.IsFloat() ? DType.F32 : null);
            writer.Save(path);
            return path;
        }

        TorchSave save = new() { StateKey = "state_dict" };
        foreach (WeightSource source in sources)
            save.Add(source, source.DType.IsFloat() ? DType.F32 : null);
        if (form.StartsWith("zip", StringComparison.Ordinal))
            save.SaveZip(path);
        else
            save.SaveLegacy(path);
        return path;
    }

    private static string Modern(string name) => !name.StartsWith("vae.", StringComparison.Ordinal) ? name : name
        .Replace(".attentions.0.query.", ".attentions.0.to_q.", StringComparison.Ordinal).Replace(".attentions.0.key.", ".attentions.0.to_k.", StringComparison.Ordinal)
        .Replace(".attentions.0.value.", ".attentions.0.to_v.", StringComparison.Ordinal).Replace(".attentions.0.proj_attn.", ".attentions.0.to_out.0.", StringComparison.Ordinal);
}
