using System.Text.Json;
using AudioToken.Pipelines.Imaging;
using AudioToken.Testing;
using AudioToken.Weights;
using AudioToken.WeightsConverter;
using Xunit;

namespace AudioToken.Tests.Cli;

/// <summary>'convert', 'compare', 'pull' and 'export-token' from the command line.</summary>
[Collection(CliTests.Name)]
public sealed class ConvertTests(CliDemo demo)
{
    private static string Tiny(string file = "") => Path.Combine(Goldens.PathOf("tiny-hf"), file);

    [Fact]
    public void Convert_MakesABundleThatDraws()
    {
        string path = Path.Combine(demo.NewFolder(), "tiny.safetensors");
        CliRun run = Whole("--json", "-o", path).Exits(0);

        JsonElement json = run.Json;
        Assert.Equal(["beats", "embedder", "text", "unet", "vae"], json.GetProperty("components").EnumerateArray().Select(name => name.GetString()));
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(path))), json.GetProperty("outputs")[0].GetProperty("sha256").GetString());
        Assert.Contains($"wrote {path} (Beats, Embedder, Text, Unet, Vae)", run.Error, StringComparison.Ordinal);

        // The same values as the demonstration's, so the same picture.
        string folder = demo.NewFolder();
        demo.Draw("-m", demo.Model, "-o", Path.Combine(folder, "demo.png")).Exits(0);
        demo.Draw("-m", path, "-o", Path.Combine(folder, "own.png")).Exits(0);
        Assert.Equal(PngReader.Read(Path.Combine(folder, "demo.png")).Rgb, PngReader.Read(Path.Combine(folder, "own.png")).Rgb);
        using SafetensorsFile bundle = SafetensorsFile.Open(path);
        string provenance = bundle.Metadata["provenance"];
        Assert.Contains("\"name\":\"BEATs_tiny.pt\"", provenance, StringComparison.Ordinal);
        Assert.DoesNotContain(Path.GetTempPath(), provenance, StringComparison.Ordinal);
    }

    [Fact]
    public void Part_IsConvertedAlone_AndGenerateSaysWhatIsMissing()
    {
        string path = Path.Combine(demo.NewFolder(), "beats.safetensors");
        CliRun run = demo.Run("convert", "--beats", Tiny("BEATs_tiny.pt"), "-o", path).Exits(0);
        Assert.Contains("Embedder, Text, Unet, Vae not among them", run.Error, StringComparison.Ordinal);
        demo.Draw("-m", path, "-o", "-").Refuses(4110, "beats.safetensors: the bundle has no Embedder, Text, Unet, Vae; it is a part of a model.", "audiotoken convert --model beats.safetensors");

        string text = demo.Run("inspect", path).Exits(0).Text;
        Assert.Contains("  beats: 252 tensors", text, StringComparison.Ordinal);
        Assert.Contains("  unet: not there", text, StringComparison.Ordinal);
        Assert.DoesNotContain("scheduler", text, StringComparison.Ordinal);
        Assert.Equal("beats", Assert.Single(demo.Run("inspect", path, "--json").Exits(0).Json.GetProperty("components").EnumerateObject()).Name);
    }

    [Fact]
    public void Lora_IsKeptOrMerged()
    {
        string folder = demo.NewFolder();
        Whole("--lora", Tiny("lora_layers_learned_embeds.bin"), "-o", Path.Combine(folder, "kept.safetensors")).Exits(0);
        CliRun merged = Whole("--lora", Tiny("lora_layers_learned_embeds.bin") + ":0.5", "-o", Path.Combine(folder, "merged.safetensors")).Exits(0);
        Assert.Contains("warning: LoRA lora_layers_learned_embeds.bin is merged at 0.5", merged.Error, StringComparison.Ordinal);
        demo.Draw("-m", Path.Combine(folder, "kept.safetensors"), "--lora-scale", "0.5", "-o", Path.Combine(folder, "kept.png")).Exits(0);
        demo.Draw("-m", Path.Combine(folder, "merged.safetensors"), "-o", Path.Combine(folder, "merged.png")).Exits(0);
        Assert.Equal(PngReader.Read(Path.Combine(folder, "kept.png")).Rgb, PngReader.Read(Path.Combine(folder, "merged.png")).Rgb);
    }

    [Fact]
    public void HalfPrecision_HalvesTheFile_AndCompareTellsHowFar()
    {
        string folder = demo.NewFolder(), full = Path.Combine(folder, "f32.safetensors"), half = Path.Combine(folder, "f16.safetensors");
        Whole("-o", full).Exits(0);
        Whole("--dtype", "f16", "-o", half).Exits(0);
        Assert.InRange(new FileInfo(half).Length, 0, new FileInfo(full).Length * 0.6);

        JsonElement json = demo.Run("compare", full, half, "--json").Exits(0).Json;
        Assert.False(json.GetProperty("same").GetBoolean());
        Assert.Equal((0, 0, 0), (json.GetProperty("only_first").GetArrayLength(), json.GetProperty("only_second").GetArrayLength(), json.GetProperty("misshapen").GetArrayLength()));
        // Half precision keeps eleven digits of a number's bits.
        Assert.All(json.GetProperty("different").EnumerateArray(), each => Assert.InRange(each.GetProperty("relative_rms").GetDouble(), 0, Math.Pow(2, -11)));
        Assert.Contains("all equal", demo.Run("compare", full, full).Exits(0).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Compare_ReadsAnyFormat_AndListsWhatDiffers()
    {
        string other = Path.Combine(demo.NewFolder(), "other.safetensors");
        SafetensorsWriter writer = new();
        using (TensorCollection embedder = CheckpointFile.Open(Tiny("embedder_learned_embeds.bin")))
        {
            foreach (string name in embedder.Names.Where(name => name != "fc1.bias"))
                writer.Add(embedder.Find(name)!);
            writer.Add("fc1.bias", [2], [1f, 2]);
            writer.Add("more", [1], [1f]);
            writer.Save(other);
        }

        string text = demo.Run("compare", Tiny("embedder_learned_embeds.bin"), other).Exits(0).Text;
        Assert.Contains("12 tensors are equal\n1 only in other.safetensors:\n  more\n1 of other shapes:\n  fc1.bias: F32 [96], F32 [2]\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void SingleFileWithoutTokenizer_SaysWhereToTakeOne() =>
        demo.Run("convert", "--model", Tiny("single_file_ldm_fp16.safetensors"), "-o", Path.Combine(demo.NewFolder(), "x.safetensors")).Refuses(4501, "has no tokenizer: single files come without one", "--config FOLDER");

    [Fact]
    public void NothingNamed_IsRefused() => demo.Run("convert", "-o", Path.Combine(demo.NewFolder(), "x.safetensors")).Refuses(2602, "nothing is named to convert");

    [Fact]
    public void StandardOutput_IsRefused() => Whole("-o", "-").Refuses(2501, "a bundle is written to a file");

    [Fact]
    public void FileThatExists_IsKept()
    {
        string path = demo.Write("mine.safetensors", "mine"u8);
        Whole("-o", path).Refuses(8501, "exists already");
        Assert.Equal("mine", File.ReadAllText(path));
    }

    [Fact]
    public void RepositoryThatIsNotInTheCache_SaysHowToFetchIt() =>
        demo.Run(new CliInput { Variables = new Dictionary<string, string> { ["HF_HUB_CACHE"] = demo.NewFolder() } }, "convert", "--model", "CompVis/stable-diffusion-v1-4", "-o", Path.Combine(demo.NewFolder(), "x.safetensors"))
            .Refuses(4720, "CompVis/stable-diffusion-v1-4: it is not in the cache", "audiotoken pull CompVis/stable-diffusion-v1-4");

    [Fact]
    public void RepositoryInTheCache_IsConverted()
    {
        string path = Path.Combine(demo.NewFolder(), "x.safetensors");
        demo.Run(Cached(), "convert", "--model", "org/tiny", "--beats", Tiny("BEATs_tiny.pt"), "--embedder", Tiny("embedder_learned_embeds.bin"), "-o", path).Exits(0);
        using SafetensorsFile bundle = SafetensorsFile.Open(path);
        Assert.Contains("\"model\":\"org/tiny\"", bundle.Metadata["provenance"], StringComparison.Ordinal);
    }

    [Fact]
    public void FilesAsTheyLie_DrawWhatTheirBundleDraws()
    {
        string folder = demo.NewFolder(), bundle = Path.Combine(folder, "whole.safetensors"), part = Path.Combine(folder, "beats.safetensors");
        string[] lora = ["--lora", Tiny("lora_layers_learned_embeds.bin")];
        Whole([.. lora, "-o", bundle]).Exits(0);
        demo.Run("convert", "--beats", Tiny("BEATs_tiny.pt"), "-o", part).Exits(0);
        demo.Draw("-m", bundle, "-o", Path.Combine(folder, "bundle.png")).Exits(0);
        demo.Draw(["-m", Tiny(), "--beats", Tiny("BEATs_tiny.pt"), "--embedder", Tiny("embedder_learned_embeds.bin"), .. lora, "-o", Path.Combine(folder, "files.png")]).Exits(0);
        CliRun cached = demo.Run(
            Cached(),
            ["generate", demo.Sound, "--steps", "1", "--cfg-scale", "1", "--seed", "7", "-m", "org/tiny", "--beats", part, "--embedder", Tiny("embedder_learned_embeds.bin"), .. lora, "-o", Path.Combine(folder, "cached.png")]).Exits(0);
        Assert.Contains("model: org/tiny\n", cached.Error, StringComparison.Ordinal);
        byte[] expected = PngReader.Read(Path.Combine(folder, "bundle.png")).Rgb.ToArray();
        Assert.Equal(expected, PngReader.Read(Path.Combine(folder, "files.png")).Rgb);
        Assert.Equal(expected, PngReader.Read(Path.Combine(folder, "cached.png")).Rgb);
    }

    [Fact]
    public void FileThatIsNotThere_IsNotTakenForARepository() => demo.Draw("-m", "out/model.safetensors", "-o", "-").Refuses(8101, "Cannot read 'out/model.safetensors': it does not exist.");

    [Fact]
    public void WrongPart_IsSaidToBeWhatItIs() => demo.Run("convert", "--beats", Tiny("embedder_learned_embeds.bin"), "-o", Path.Combine(demo.NewFolder(), "x.safetensors"))
        .Refuses(4711, "embedder_learned_embeds.bin: the file holds Embedder, wanted Beats.", "audiotoken inspect FILE");

    [Fact]
    public void PullOfNoRepository_IsRefused() => demo.Run("pull", "nonsense").Refuses(2601, "'nonsense' is no repository of the hub, wanted org/name");

    [Theory, InlineData("1"), InlineData("True")]
    public void PullWithoutANetwork_IsRefused(string offline) =>
        demo.Run(new CliInput { Variables = new Dictionary<string, string> { ["HF_HUB_OFFLINE"] = offline, ["HF_ENDPOINT"] = "http://127.0.0.1:9" } }, "pull", "org/name")
            .Refuses(2501, $"HF_HUB_OFFLINE is '{offline}', so no connection is opened", "try:   HF_HUB_OFFLINE=0 audiotoken pull org/name");

    [Fact]
    public void PullFromNoAddress_IsRefused() =>
        demo.Run(new CliInput { Variables = new Dictionary<string, string> { ["HF_ENDPOINT"] = "ftp://x" } }, "pull", "org/name").Refuses(2601, "HF_ENDPOINT is 'ftp://x'");

    [Theory]
    [InlineData("diffusers", "<rain>", "<rain>")]
    [InlineData("a1111", "<rain>", "emb_params")]
    public void ExportedToken_IsAnEmbeddingThatGenerateTakesBack(string layout, string word, string tensor)
    {
        string folder = demo.NewFolder(), path = Path.Combine(folder, "word.safetensors");
        demo.Run("export-token", demo.Sound, "--name", word, "--layout", layout, "-o", path).Exits(0);
        using (SafetensorsFile file = SafetensorsFile.Open(path))
        {
            Assert.Equal([tensor], file.Names);
            Assert.Equal([1, 32], file.Find(tensor)!.Shape);
            Assert.Equal("pt", file.Metadata["format"]);
        }

        demo.Draw("-o", Path.Combine(folder, "sound.png")).Exits(0);
        demo.Run("generate", "--token", path, "--steps", "1", "--cfg-scale", "1", "--seed", "7", "-o", Path.Combine(folder, "token.png")).Exits(0);
        Assert.Equal(PngReader.Read(Path.Combine(folder, "sound.png")).Rgb, PngReader.Read(Path.Combine(folder, "token.png")).Rgb);
    }

    [Fact]
    public void ExportedToken_IsCalledAfterItsSound()
    {
        string folder = demo.NewFolder();
        CliRun run = demo.Run("export-token", demo.Sound, "-o", folder + "/").Exits(0);
        Assert.Contains("<bell> in a prompt", run.Error, StringComparison.Ordinal);
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder, "bell.safetensors"));
        Assert.Equal(["<bell>"], file.Names);
    }

    // A cache in which the small model lies as 'org/tiny'.
    private CliInput Cached()
    {
        string cache = demo.NewFolder();
        Goldens.Copy("tiny-hf", Path.Combine(cache, "models--org--tiny", "snapshots", "abc123"));
        Directory.CreateDirectory(Path.Combine(cache, "models--org--tiny", "refs"));
        File.WriteAllText(Path.Combine(cache, "models--org--tiny", "refs", "main"), "abc123");
        return new CliInput { Variables = new Dictionary<string, string> { ["HF_HUB_CACHE"] = cache } };
    }

    private CliRun Whole(params IReadOnlyList<string> more) =>
        demo.Run(["convert", "--model", Tiny(), "--beats", Tiny("BEATs_tiny.pt"), "--embedder", Tiny("embedder_learned_embeds.bin"), .. more]);
}
