using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Testing.Torch;
using AudioToken.Tests.WeightsConverter;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Tests.Cli;

/// <summary>'inspect' on checkpoints of every format, good and bad, end to end.</summary>
[Collection(CliTests.Name)]
public sealed class InspectCheckpointTests(CliDemo demo)
{
    [Fact]
    public void Beats_ShowsArchitectureGlobalsAndConfiguration()
    {
        string text = demo.Run("inspect", Goldens.PathOf("tiny-hf/BEATs_tiny.pt"), "--tensors").Exits(0).Text;

        Assert.Contains("BEATs_tiny.pt: PyTorch checkpoint, 608,003 bytes: 252 tensors, 132,218 parameters, F32", text, StringComparison.Ordinal);
        Assert.Contains("architecture: BEATs (12 layers, 32 wide)", text, StringComparison.Ordinal);
        Assert.Contains("tensors under: model", text, StringComparison.Ordinal);
        Assert.Contains("globals: collections OrderedDict; torch FloatStorage; torch._utils _rebuild_tensor_v2", text, StringComparison.Ordinal);
        Assert.Contains("cfg: {\"activation_dropout\":", text, StringComparison.Ordinal);
        Assert.Contains("\n  patch_embedding.weight  F32 [16, 1, 16, 16]\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain("sha256", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Beats_AsJsonHasTheSame()
    {
        string path = Goldens.PathOf("tiny-hf/BEATs_tiny.pt");
        JsonElement json = demo.Run("inspect", path, "--json", "--tensors", "--verify").Exits(0).Json;

        Assert.Equal(("torch-zip", "model", 252), (json.GetProperty("kind").GetString(), json.GetProperty("state_key").GetString(), json.GetProperty("tensors").GetArrayLength()));
        Assert.Equal(12, json.GetProperty("metadata").GetProperty("cfg").GetProperty("encoder_layers").GetInt32());
        Assert.Equal(3, json.GetProperty("globals").GetArrayLength());
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))), json.GetProperty("sha256").GetString());
        Assert.Equal((132_218, 0), (json.GetProperty("values").GetInt64(), json.GetProperty("nonfinite").GetArrayLength()));
    }

    [Fact]
    public void LegacyFile_IsReadWhateverItsName()
    {
        TorchSave save = new() { StateKey = "state_dict" };
        save.AddStorage("0", DType.F16, [0, 0x3C, 0, 0x40]);
        save.AddView("w", "0", 0, [2], [1]);
        save.Beside["global_step"] = 7;
        string path = Path.Combine(demo.NewFolder(), "model.safetensors");
        save.SaveLegacy(path);

        string text = demo.Run("inspect", path).Exits(0).Text;
        Assert.Contains("model.safetensors: PyTorch checkpoint of the form before torch 1.6, ", text, StringComparison.Ordinal);
        Assert.Contains("global_step: 7", text, StringComparison.Ordinal);
        Assert.Contains("architecture: none that is known here", text, StringComparison.Ordinal);
    }

    [Fact]
    public void ValuesThatAreNotFinite_AreFoundByVerifyAlone()
    {
        string folder = demo.NewFolder();
        SafetensorsWriter writer = new();
        writer.Add("sound", [2], [1f, 2f]);
        writer.Add("odd", [2, 2], [1f, float.NaN, float.PositiveInfinity, 2f], DType.F16);
        writer.Save(Path.Combine(folder, "x.safetensors"));
        TorchSave save = new();
        using (SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder, "x.safetensors")))
            save.AddAll(file).SaveZip(Path.Combine(folder, "x.pt"));

        foreach (string path in Directory.GetFiles(folder))
        {
            demo.Run("inspect", path).Exits(0);
            string text = demo.Run("inspect", path, "--verify").Exits(4).Text;
            Assert.Contains("values: 6 looked at, 2 are not finite:\n    odd: 2 of 4, the first at index 1\n", text, StringComparison.Ordinal);
            JsonElement odd = Assert.Single(demo.Run("inspect", path, "--verify", "--json").Exits(4).Json.GetProperty("nonfinite").EnumerateArray());
            Assert.Equal(("odd", 2, 4, 1), (odd.GetProperty("name").GetString(), odd.GetProperty("count").GetInt32(), odd.GetProperty("of").GetInt32(), odd.GetProperty("first").GetInt32()));
        }
    }

    [Fact]
    public void Bundle_IsVerifiedComponentByComponent()
    {
        string text = demo.Run("inspect", demo.Model, "--verify").Exits(0).Text;
        Assert.Contains($"sha256: {Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(demo.Model)))}  demo.safetensors", text, StringComparison.Ordinal);
        Assert.Matches(@"values: [\d,]+ looked at, all finite", text);
        JsonElement json = demo.Run("inspect", demo.Model, "--verify", "--json").Exits(0).Json;
        Assert.Equal("demo.safetensors", Assert.Single(json.GetProperty("sources").EnumerateArray()).GetProperty("name").GetString());

        Assert.Contains("sha256: of the whole only, and parts are not there", demo.Run("inspect", Goldens.PathOf("tiny-hf"), "--verify").Exits(0).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void TypeThatIsNotReadHere_IsListedAndNotLookedAt()
    {
        byte[] pickle = PickleBytes.Protocol().Op('}').Text("w").Tensor("ComplexFloatStorage", "0", 1, 0, [1], [1]).Op('s').Stop();

        string text = demo.Run("inspect", demo.Write("x.pt", TorchBytes.Zip(pickle, ("0", new byte[8]))), "--verify").Exits(0).Text;
        Assert.Contains("1 tensor, 1 parameter, C64", text, StringComparison.Ordinal);
        Assert.Contains("w: of a type that is not read here, not looked at", text, StringComparison.Ordinal);
    }

    [Fact]
    public void MaliciousPickle_IsRefusedAndNotRun()
    {
        string marker = Path.Combine(demo.NewFolder(), "marker");
        byte[] pickle = PickleBytes.Protocol().Global("posix", "system").Mark().Text($"touch {marker}").Tuple().Reduce().Stop();

        CliRun run = demo.Run("inspect", demo.Write("model.ckpt", TorchBytes.Zip(pickle)), "--json")
            .Refuses(4703, "model.ckpt (archive/data.pkl): at byte 66: the pickle names 'posix system', which no checkpoint needs. Nothing of the file was run.", "Do not open this file with a program that runs pickles");
        Assert.Equal("AT4703", run.Json.GetProperty("error").GetProperty("code").GetString());
        Assert.False(File.Exists(marker));
    }

    [Theory]
    [InlineData("empty.ckpt", "", 4101, "empty.ckpt: the file is 0 bytes")]
    [InlineData("beats.pt", "<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code></Error>", 4101, "an XML error page ('AuthenticationFailed'), not a model")]
    [InlineData("sd.ckpt", "<!DOCTYPE html><html><body>Sign in</body></html>", 4101, "an HTML page, not a model")]
    [InlineData("sd.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", 4101, "a git-LFS pointer, not the model itself")]
    [InlineData("sd.ckpt.crdownload", "PK\u0003\u0004", 4101, "an unfinished download (.crdownload), not a model")]
    [InlineData("sd.ckpt", "PK\u0003\u0004................", 4105, "without the archive's directory: it is cut short, download again")]
    [InlineData("sd.ckpt", "\u0080\u0002\u008A\u000A\u006C\u00FC\u009C\u0046\u00F9\u0020\u006A\u00A8\u0050\u0019.", 4105, "download again")]
    [InlineData("sd.pt", "\u0080\u0004\u0095........", 4101, "a Python pickle, but not one of torch.save")]
    [InlineData("model.h5", "\u0089HDF\r\n\u001A\n", 4101, "an HDF5 file, as Keras writes its .h5")]
    [InlineData("sd.gguf", "GGUF\u0003\0\0\0", 4101, "a GGUF file")]
    [InlineData("sd.tar.gz", "\u001F\u008B\b\0\0\0\0\0", 4101, "a gzip archive")]
    public void FileThatIsNoCheckpoint_IsCalledByItsName(string name, string content, int code, string words) =>
        demo.Run("inspect", demo.Write(name, Encoding.Latin1.GetBytes(content))).Refuses(code, words);
}
