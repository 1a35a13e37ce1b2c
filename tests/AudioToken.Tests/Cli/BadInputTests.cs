using System.Text;
using AudioToken.Tensors;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Tests.Cli;

/// <summary>Sounds, models and other files that cannot be used (RELIABILITY cases 1 to 10, 16 to 18, 24, 26, 35, 36), end to end.</summary>
[Collection(CliTests.Name)]
public sealed class BadInputTests(CliDemo demo)
{
    [Fact]
    public void SoundThatIsNotThere_IsRefused() => demo.Run("generate", "no/such.wav").Refuses(3001, "there is no file 'no/such.wav'");

    [Fact]
    public void EmptySound_IsRefused() => demo.Run("generate", demo.Write("a.wav", [])).Refuses(3010, "no samples");

    [Fact]
    public void SoundOfAHeaderOnly_IsRefused() => demo.Run("generate", demo.Write("a.wav", File.ReadAllBytes(demo.Sound).AsSpan(0, 44))).Refuses(3010, "no samples");

    [Fact]
    public void Folder_IsNoSound() => demo.Run("generate", demo.Folder).Refuses(3002, "is a folder; wanted one sound file");

    [Fact]
    public void Picture_IsNoSoundWhateverItsName()
    {
        string path = Path.Combine(demo.NewFolder(), "rain.png");
        demo.Draw("-o", path).Exits(0);
        File.Move(path, Path.ChangeExtension(path, ".wav"));

        demo.Run("generate", Path.ChangeExtension(path, ".wav")).Refuses(3003, "a PNG picture, not a sound");
    }

    [Fact]
    public void HtmlPage_IsNoSound() => demo.Run("generate", demo.Write("a.wav", "<!DOCTYPE html><html>"u8)).Refuses(3003, "HTML");

    [Fact]
    public void SoundThatIsTooShort_IsRefusedWithTheMinimum()
    {
        byte[] wav = File.ReadAllBytes(demo.Sound)[..(44 + 64)];
        demo.Run("generate", demo.Write("click.wav", wav), "--window", "whole").Refuses(3013, "needs at least 2800", "official");
    }

    [Fact]
    public void EndlessStandardInput_IsCutAtTheLimit() => demo.Run(new CliInput { Stream = new EndlessStream() }, "generate", "-", "--raw", "s16le", "--window", "whole", "--max-input", "100000")
        .Refuses(3012, "100,000 bytes");

    [Fact]
    public void EndlessStandardInput_IsReadNoFurtherThanItsWindow() =>
        demo.Run(new CliInput { Stream = new EndlessStream() }, "generate", "-", "--raw", "s16le", "--steps", "1", "--cfg-scale", "1", "-s", "1", "-o", "-").Exits(0);

    [Fact]
    public void ClosedStandardInput_IsRefused() => demo.Run("generate", "-").Refuses(3010, "'stdin' is empty: no samples");

    [Fact]
    public void NameWithControlCharacters_DoesNotReachTheScreen()
    {
        CliRun run = demo.Run("generate", "a\u001b[2Jb.wav").Refuses(3001);

        Assert.DoesNotContain('\u001b', run.Error);
    }

    [Fact]
    public void FileBeginningWithADash_IsReadAfterTwoDashes() => demo.Run("generate", "--", "-x.wav").Refuses(3001, "'-x.wav'");

    [Theory]
    [InlineData("tiny.safetensors", "\u0001\u0002", 4101, "at least 8")]
    [InlineData("bomb.safetensors", "\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u007F{}", 4101, "the header would be 9,223,372,036,854,775,807 bytes")]
    [InlineData("page.safetensors", "<!DOCTYPE html><html><body>Sign in</body></html>", 4101, "an HTML page, not a model")]
    [InlineData("error.pt", "<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code></Error>", 4101, "AuthenticationFailed")]
    [InlineData("pointer.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", 4101, "git-LFS pointer")]
    [InlineData("model.safetensors.crdownload", "whatever it holds", 4101, "unfinished download")]
    [InlineData("pickle.pt", "PK\u0003\u0004................", 4101, "PyTorch")]
    public void ModelThatIsSomethingElse_IsSaidInThoseWords(string name, string content, int code, string words) =>
        demo.Draw("-o", "-", "-m", demo.Write(name, Encoding.Latin1.GetBytes(content))).Refuses(code, words);

    [Fact]
    public void OfSoundAndModel_TheSoundIsToldFirst()
    {
        demo.Run("generate", "/no/such/sound.wav", "-m", "/no/such/model").Refuses(3001, "'/no/such/sound.wav'");
        demo.Run("generate", "-m", "/no/such/model").Refuses(2501, "no sound is named");
        demo.Run("generate", "/no/such/sound.wav", "-m", "").Refuses(3001, "'/no/such/sound.wav'");
    }

    [Fact]
    public void ModelThatIsNotThere_IsRefused() => demo.Draw("-o", "-", "-m", "/no/such/model").Refuses(8101, "'/no/such/model'", "does not exist");

    [Fact]
    public void ModelCutShort_IsRefusedWithBothSizes()
    {
        byte[] model = File.ReadAllBytes(demo.Model);
        demo.Draw("-o", "-", "-m", demo.Write("cut.safetensors", model.AsSpan(0, model.Length / 2))).Refuses(4105, "cut.safetensors", "bytes");
    }

    [Fact]
    public void SafetensorsThatIsNoBundle_IsRefused()
    {
        string path = Path.Combine(demo.NewFolder(), "other.safetensors");
        SafetensorsWriter writer = new();
        writer.Add("x", [2], [1f, 2f]);
        writer.Save(path);

        demo.Draw("-o", "-", "-m", path).Refuses(4111, "not a bundle");
    }

    [Fact]
    public void FolderThatIsNoModel_IsRefused() => demo.Draw("-o", "-", "-m", demo.NewFolder()).Refuses(4110, "model_index.json");

    [Fact]
    public void FolderWithoutBeats_IsRefusedWithThePlacesLookedAt()
    {
        string folder = Testing.Goldens.PathOf("tiny-hf");
        demo.Draw("-o", "-", "-m", folder).Refuses(4110, "Beats", "tried:");
    }

    [Fact]
    public void BeatsAndEmbedder_CompleteAFolder()
    {
        using Testing.TinyModel tiny = new();
        CliRun run = demo.Draw("-o", "-", "-m", tiny.ModelFolder, "--beats", tiny.Options.BeatsPath!, "--embedder", tiny.Options.EmbedderPath!).Exits(0);

        Assert.Equal(demo.Draw("-o", "-", "--no-metadata", "-m", demo.Model).Output, demo.Draw("-o", "-", "--no-metadata", "-m", tiny.ModelFolder, "--beats", tiny.Options.BeatsPath!, "--embedder", tiny.Options.EmbedderPath!).Output);
        Assert.Contains("model: tiny-hf", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void NaNInTheWeights_IsRefused() => demo.Draw("-o", "-", "-m", Changed(static (name, values) =>
        {
            if (name == "unet.conv_in.weight")
                values[0] = float.NaN;
        })).Refuses(4108, "conv_in.weight");

    [Fact]
    public void WeightsThatOverflow_GiveNoPictureButATraceOfTheirBeginning()
    {
        string folder = demo.NewFolder();
        demo.Draw("-o", folder, "--trace", Path.Combine(folder, "trace.safetensors"), "-m", Changed(static (name, values) =>
        {
            if (name == "unet.conv_out.weight")
                values.AsSpan().Fill(3e38f);
        })).Refuses(7001, "noise_pred.0");

        Assert.Equal(["trace.safetensors"], Directory.GetFileSystemEntries(folder).Select(Path.GetFileName));
        using SafetensorsFile trace = SafetensorsFile.Open(Path.Combine(folder, "trace.safetensors"));
        Assert.Contains("latents.init", trace.Names);
    }

    [Fact]
    public void TokenThatIsNone_IsRefused()
    {
        string path = Path.Combine(demo.NewFolder(), "x.safetensors");
        SafetensorsWriter writer = new();
        writer.Add("latents", [1, 4, 8, 8], new float[256]);
        writer.Save(path);

        demo.Run("generate", "--token", path).Refuses(3501, "no tensor 'audio_token'; it holds 'latents'", "audiotoken encode");
    }

    [Theory]
    [InlineData(3041, 2, 0f, "2 values")]
    [InlineData(3501, 32, float.NaN, "NaN")]
    public void TokenThatDoesNotFit_IsRefused(int code, int width, float value, string words)
    {
        string path = Path.Combine(demo.NewFolder(), "x.safetensors");
        SafetensorsWriter writer = new();
        float[] values = new float[width];
        values[^1] = value;
        writer.Add("audio_token", [1, width], values);
        writer.Save(path);

        demo.Run("generate", "--token", path, "-o", "-").Refuses(code, words);
    }

    [Fact]
    public void LatentsOfAnotherSize_AreRefused()
    {
        string path = Path.Combine(demo.NewFolder(), "x.safetensors");
        SafetensorsWriter writer = new();
        writer.Add("latents", [1, 4, 8, 8], new float[256]);
        writer.Save(path);

        demo.Draw("-o", "-", "--latents", path, "-W", "128").Refuses(2501, "wanted [1, 4, 8, 16]", "-W 64 -H 64 -b 1");
    }

    [Fact]
    public void WithoutModelAndDemonstration_TheErrorSaysWhatToName() =>
        demo.Run(new CliInput { DemoFolder = demo.NewFolder() }, "generate", demo.Sound, "-o", "-").Refuses(4501, "no model is named", "-m BUNDLE");

    // The demonstration with other values in its float tensors.
    private string Changed(Action<string, float[]> change)
    {
        string path = Path.Combine(demo.NewFolder(), "changed.safetensors");
        SafetensorsWriter writer = new();
        using SafetensorsFile file = SafetensorsFile.Open(demo.Model);
        foreach ((string key, string value) in file.Metadata)
            writer.SetMetadata(key, value);
        foreach (StoredTensor tensor in file.Tensors)
        {
            WeightSource source = file.Find(tensor.Name)!;
            if (tensor.DType != DType.F32 || source.Shape.Count == 0)
            {
                writer.Add(source);
                continue;
            }

            float[] values = source.ReadAll();
            change(tensor.Name, values);
            writer.Add(tensor.Name, source.Shape, values);
        }

        writer.Save(path);
        return path;
    }

    private sealed class EndlessStream : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            for (int i = 0; i < count; i++)
                buffer[offset + i] = (byte)(i * 37);
            return count;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
