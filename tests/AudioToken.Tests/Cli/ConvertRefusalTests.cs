using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Weights;
using AudioToken.WeightsConverter;
using Xunit;

namespace AudioToken.Tests.Cli;

/// <summary>What 'convert' refuses, in which words and with which exit code (RELIABILITY cases 9, 10, 17, 18, 20, 22, 23).</summary>
[Collection(CliTests.Name)]
public sealed class ConvertRefusalTests(CliDemo demo)
{
    private static readonly string s_beats = Path.Combine(Goldens.PathOf("tiny-hf"), "BEATs_tiny.pt"), s_embedder = Path.Combine(Goldens.PathOf("tiny-hf"), "embedder_learned_embeds.bin");

    [Fact]
    public void WeightsThatAreNotFinite_AreCountedAndRefused_UnlessAllowed()
    {
        string embedder = Embedder((name, values) => name == "fc2.bias" ? [values[0], float.NaN, .. values[2..]] : values);
        Convert("--embedder", embedder).Refuses(4108, "embedder.safetensors: tensor 'fc2.bias' holds 1 values of 32 that are not finite, the first at index 1.");
        Convert("--embedder", embedder, "--allow-nonfinite").Exits(0);
    }

    [Fact]
    public void PartsOfTwoFamilies_AreRefusedWithTheWidths() =>
        Convert("--model", Goldens.PathOf("tiny-hf-sd2"), "--beats", s_beats, "--embedder", s_embedder)
            .Refuses(4120, "tiny-hf-sd2: the embedder gives 32 channels, but the text encoder takes 48", "768 belongs to Stable Diffusion 1.x, 1024 to 2.x");

    [Fact]
    public void TensorsThatDoNotFit_AreReportedTogether_OfAllComponents()
    {
        string beats = Path.Combine(demo.NewFolder(), "beats.safetensors");
        SafetensorsWriter writer = new();
        using (TensorCollection whole = CheckpointFile.Open(s_beats))
        {
            writer.SetMetadata("cfg", whole.Metadata["cfg"]);
            foreach (string name in whole.Names.Where(name => name != "layer_norm.bias"))
                writer.Add(whole.Find(name)!);
            writer.Save(beats);
        }

        string embedder = Embedder((name, values) => name == "fc1.bias" ? null : name == "fc2.bias" ? values[1..] : values, extra: "fc3.bias");
        string target = Path.Combine(demo.NewFolder(), "x.safetensors");
        demo.Run("convert", "--beats", beats, "--embedder", embedder, "-o", target).Refuses(4103,
            "beats.safetensors: the tensors do not fit the model: 1 missing, 0 of another shape, 0 unused.",
            "missing: 'layer_norm.bias' [",
            "embedder.safetensors: the tensors do not fit the model: 1 missing, 1 of another shape, 1 unused.",
            "missing: 'fc1.bias' [96]",
            "shape: 'fc2.bias' is F32 [31], wanted [32]",
            "unused: 'fc3.bias'");
        Assert.Empty(Directory.GetFileSystemEntries(Path.GetDirectoryName(target)!));
    }

    [Fact]
    public void FolderWithoutWeights_IsNoModel()
    {
        string folder = demo.NewFolder();
        File.WriteAllText(Path.Combine(folder, "model_index.json"), "{}");
        demo.Run("convert", "--model", folder, "-o", Path.Combine(demo.NewFolder(), "x.safetensors")).Refuses(4501, "has no weights in any of the places where a model keeps them", $"audiotoken inspect '{folder}'");
    }

    [Theory]
    [InlineData("../evil.safetensors", "it must be the plain name of a file beside the index", "its index points out of its folder")]
    [InlineData("/etc/passwd", "it must be the plain name of a file beside the index", "its index points out of its folder")]
    [InlineData("gone.safetensors", "index and shards disagree:", "shard 'gone.safetensors' is missing, with 1 tensors")]
    public void IndexThatLeadsAstray_IsRefused(string shard, params string[] words)
    {
        string folder = Copy("tiny-hf"), unet = Path.Combine(folder, "unet");
        foreach (string weights in Directory.GetFiles(unet, "diffusion_pytorch_model*"))
            File.Delete(weights);
        File.WriteAllText(Path.Combine(unet, "diffusion_pytorch_model.safetensors.index.json"), $$$"""{"weight_map": {"conv_in.weight": "{{{shard}}}"}}""");
        Convert("--model", folder).Refuses(4109, ["unet/diffusion_pytorch_model.safetensors.index.json: ", .. words]);
    }

    [Fact]
    public void CacheWithADanglingLink_IsNamedWithItsLayer()
    {
        string cache = demo.NewFolder(), repository = Path.Combine(cache, "models--org--name"), snapshot = Path.Combine(repository, "snapshots", "abc123");
        Directory.CreateDirectory(snapshot);
        Directory.CreateDirectory(Path.Combine(repository, "refs"));
        File.WriteAllText(Path.Combine(repository, "refs", "main"), "abc123");
        File.CreateSymbolicLink(Path.Combine(snapshot, "model_index.json"), "../../blobs/gone");
        demo.Run(new CliInput { Variables = new Dictionary<string, string> { ["HF_HUB_CACHE"] = cache } }, "convert", "--model", "org/name", "-o", Path.Combine(demo.NewFolder(), "x.safetensors"))
            .Refuses(4720, "'model_index.json' is a link to '../../blobs/gone', which does not exist", "audiotoken pull org/name, or name a folder or file");
    }

    [Fact]
    public void DiskWithTooLittleRoom_IsFoundBeforeTheWork()
    {
        // An embedder of 4.4 TB: a hole with a header.
        string embedder = Path.Combine(demo.NewFolder(), "huge.safetensors"), target = demo.Write("x.safetensors", "old"u8);
        Assert.SkipUnless(WriteHole(embedder, input: 1 << 20, output: 8), "the file system here holds no such file");
        demo.Run("convert", "--embedder", embedder, "--force", "-o", target).Refuses(8102,
            $"Cannot write '{target}': the disk is full: 4,398,0", " bytes are needed, ", " are free", "What was there before is untouched.");
        Assert.Equal("old", File.ReadAllText(target));
        Assert.Single(Directory.GetFileSystemEntries(Path.GetDirectoryName(target)!));
    }

    [Fact]
    public void TargetThatIsAFolder_IsRefused()
    {
        string folder = demo.NewFolder();
        Directory.CreateDirectory(Path.Combine(folder, "model.safetensors"));
        Convert("--embedder", s_embedder, "--force", "-o", folder).Refuses(8502, "model.safetensors' is a folder, wanted a file");
    }

    [Theory]
    [InlineData("merges.txt", "#version: 0.2\nnonsense\n", "merges.txt, line 2 is 'nonsense', expected two symbols with a space between them", "try:   Take merges.txt")]
    [InlineData("vocab.json", "{\"a\": 0, \"b\": 7}", "vocab.json has 2 entries but none with id 1; ids must be 0 to 1 without a gap")]
    [InlineData("merges.txt", null, "tiny-hf has no tokenizer: its file 'merges.txt' is missing")]
    public void TokenizerThatIsDamaged_IsRefusedWithFileAndLine(string file, string? content, params string[] words)
    {
        string folder = Copy("tiny-hf"), path = Path.Combine(folder, "tokenizer", file);
        File.Delete(path);
        if (content is not null)
            File.WriteAllText(path, content);
        CliRun run = Convert("--model", folder).Exits(4);
        Assert.All(words, word => Assert.Contains(word, run.Error, StringComparison.Ordinal));
    }

    [Fact]
    public void ConfigurationThatContradictsItsTensors_IsSetRightAndSaid()
    {
        string folder = Copy("tiny-hf");
        Change(Path.Combine(folder, "unet", "config.json"), json => json["cross_attention_dim"] = 768);
        CliRun run = Convert("--model", folder, "--json").Exits(0);
        Assert.Contains("warning: unet/diffusion_pytorch_model.safetensors: its configuration says cross_attention_dim = 768, its tensors say 32; the tensors are taken at their word", run.Error, StringComparison.Ordinal);
        Assert.Equal(1, run.Json.GetProperty("warnings").GetArrayLength());
    }

    [Fact]
    public void UnknownPrediction_IsRefused()
    {
        string folder = Copy("tiny-hf");
        Change(Path.Combine(folder, "scheduler", "scheduler_config.json"), json => json["prediction_type"] = "x0");
        Convert("--model", folder).Refuses(4713, "tiny-hf: the scheduler's prediction_type is 'x0', wanted epsilon or v_prediction");
    }

    private CliRun Convert(params string[] args) => demo.Run(["convert", .. args, .. args.Contains("-o") ? (string[])[] : ["-o", Path.Combine(demo.NewFolder(), "x.safetensors")]]);

    private string Copy(string model)
    {
        string target = Path.Combine(demo.NewFolder(), model);
        Goldens.Copy(model, target);
        return target;
    }

    // The tiny embedder with other values; null leaves a tensor out.
    private string Embedder(Func<string, float[], float[]?> change, string? extra = null)
    {
        SafetensorsWriter writer = new();
        using TensorCollection embedder = CheckpointFile.Open(s_embedder);
        foreach (string name in embedder.Names)
        {
            float[] values = embedder.Find(name)!.ReadAll();
            if (change(name, values) is { } changed)
                writer.Add(name, changed.Length == values.Length ? embedder.Find(name)!.Shape : [changed.Length], changed);
        }

        if (extra is not null)
            writer.Add(extra, [1], [1f]);
        string path = Path.Combine(demo.NewFolder(), "embedder.safetensors");
        writer.Save(path);
        return path;
    }

    private static bool WriteHole(string path, int input, int output)
    {
        StringBuilder header = new("{");
        long at = 0;
        foreach ((string name, Shape shape) in CheckpointShapes.Embedder(input, output))
        {
            long bytes = shape.Count * 4;
            header.Append(CultureInfo.InvariantCulture, $"{(at > 0 ? "," : "")}\"{name}\":{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":[{at},{at + bytes}]}}");
            at += bytes;
        }

        byte[] json = Encoding.UTF8.GetBytes(header.Append('}').ToString());
        using FileStream file = File.Create(path);
        file.Write(BitConverter.GetBytes((long)json.Length));
        file.Write(json);
        try
        {
            file.SetLength(file.Position + at);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static void Change(string path, Action<JsonObject> change)
    {
        JsonObject json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        change(json);
        File.WriteAllText(path, json.ToJsonString());
    }
}
