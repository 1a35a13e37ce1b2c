using AudioToken.Backends.Cuda;
using System.Security.Cryptography;
using System.Text.Json;
using AudioToken.Pipelines.Imaging;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Tests.Cli;

[Collection(CliTests.Name)]
public sealed class GenerateTests(CliDemo demo)
{
    [Fact]
    public void Generate_WritesAPictureThatRemembersHowItWasMade()
    {
        string path = Path.Combine(demo.NewFolder(), "out.png");
        CliRun run = demo.Draw("-o", path, "-p", "a <*>", "-n", "fog").Exits(0);

        Assert.Empty(run.Output);
        Assert.Contains($"wrote {path}", run.Error, StringComparison.Ordinal);
        GenerationParameters parameters = ParametersText.Parse(PngReader.ReadTexts(path).Single(text => text.Keyword == "parameters").Text);
        Assert.Equal(("a <*>", "fog", 1, 7UL, "bell.wav"), (parameters.Prompt, parameters.NegativePrompt, parameters.Steps, parameters.Seed, parameters.Audio));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(demo.Model)))[..10], parameters.ModelHash);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(demo.Sound))), parameters.AudioHash);
    }

    [Fact]
    public void Generate_TellsThePlainTruthAboutTheDemonstration()
    {
        CliRun run = demo.Draw("-o", Path.Combine(demo.NewFolder(), "out.png")).Exits(0);

        Assert.Contains("model: demo.safetensors (untrained demonstration model)", run.Error, StringComparison.Ordinal);
        Assert.Contains(CudaOps.WhyNot() is null ? "device: cuda:0" : "(auto: no CUDA device can be used; 'audiotoken doctor' says why)", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Quiet_SaysNothing()
    {
        CliRun run = demo.Draw("-o", Path.Combine(demo.NewFolder(), "out.png"), "--quiet").Exits(0);

        Assert.Equal(("", ""), (run.Text, run.Error));
    }

    [Fact]
    public void Resampling_IsTold()
    {
        using MemoryStream wav = new();
        AudioToken.Audio.WavWriter.Write(wav, new float[44100], channels: 1, sampleRateHz: 44100);
        CliRun run = demo.Run("generate", demo.Write("quiet.wav", wav.ToArray()), "--steps", "1", "--cfg-scale", "1", "-s", "1", "-o", Path.Combine(demo.NewFolder(), "out.png")).Exits(0);

        Assert.Contains("44100 Hz -> 16000 Hz", run.Error, StringComparison.Ordinal);
        Assert.Contains("warning: silent", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Resample_ChoosesTheFilter()
    {
        // Clicks fill the band to its edge, where the two filters differ; the trace holds what the encoder hears.
        float[] clicks = new float[88200];
        for (int i = 0; i < clicks.Length; i += 2205)
            clicks[i] = 0.9f;
        using MemoryStream wav = new();
        AudioToken.Audio.WavWriter.Write(wav, clicks, channels: 1, sampleRateHz: 44100);
        string sound = demo.Write("clicks.wav", wav.ToArray());

        float[] plain = Heard(), torchaudio = Heard("--resample", "torchaudio"), best = Heard("--resample", "best");
        Assert.Equal(plain, torchaudio);
        Assert.NotEqual(plain, best);
        demo.Draw("--resample", "worst").Refuses(2501, ["--resample is 'worst', wanted one of torchaudio, best"]);

        float[] Heard(params string[] options)
        {
            string trace = Path.Combine(demo.NewFolder(), "trace.safetensors");
            string[] arguments = ["generate", sound, "--steps", "1", "-s", "1", "-o", Path.Combine(demo.NewFolder(), "out.png"), "--trace", trace, "--trace-level", "stage", .. options];
            demo.Run(arguments).Exits(0);
            using SafetensorsFile file = SafetensorsFile.Open(trace);
            return file.Find("audio.samples")!.ReadAll();
        }
    }

    [Fact]
    public void Lora_ChangesThePicture()
    {
        using AudioToken.Testing.TinyModel tiny = new(lora: true);
        string folder = demo.NewFolder(), without = Path.Combine(folder, "without.png"), with = Path.Combine(folder, "with.png"), off = Path.Combine(folder, "off.png");
        demo.Draw("-o", without, "--no-metadata").Exits(0);
        demo.Draw("-o", with, "--no-metadata", "--lora", tiny.Options.LoraPath!).Exits(0);
        demo.Draw("-o", off, "--no-metadata", "--lora", tiny.Options.LoraPath!, "--lora-scale", "0").Exits(0);
        Assert.NotEqual(File.ReadAllBytes(without), File.ReadAllBytes(with));
        Assert.Equal(File.ReadAllBytes(without), File.ReadAllBytes(off));
    }

    [Fact]
    public void Json_IsOneObjectWithEverythingToFindAndRepeatTheWork()
    {
        string path = Path.Combine(demo.NewFolder(), "out.png");
        JsonElement json = demo.Draw("-o", path, "--json").Exits(0).Json;

        JsonElement output = Assert.Single(json.GetProperty("outputs").EnumerateArray().ToArray());
        Assert.Equal(path, output.GetProperty("path").GetString());
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))), output.GetProperty("sha256").GetString());
        ImageBuffer pixels = PngReader.Read(path);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(pixels.Rgb)), output.GetProperty("pixels_sha256").GetString());
        Assert.Equal((7UL, pixels.Width, pixels.Height), (output.GetProperty("seed").GetUInt64(), output.GetProperty("width").GetInt32(), output.GetProperty("height").GetInt32()));
        Assert.Equal(7UL, json.GetProperty("seed").GetUInt64());
        Assert.Equal("cpu", json.GetProperty("device").GetString());
        Assert.Equal(("demo.safetensors", CliDemo.Note), (json.GetProperty("model").GetProperty("name").GetString(), json.GetProperty("model").GetProperty("note").GetString()));
        Assert.Equal(JsonValueKind.Array, json.GetProperty("warnings").ValueKind);
        Assert.True(json.GetProperty("timings").GetProperty("denoising_s").GetDouble() >= 0);
    }

    [Fact]
    public void BatchOfThree_EqualsThreeSingleRuns()
    {
        string folder = demo.NewFolder();
        demo.Draw("-o", Path.Combine(folder, "all.png"), "-b", "3").Exits(0);
        demo.Run("generate", demo.Sound, "--steps", "1", "--cfg-scale", "1", "--seed", "9", "-o", Path.Combine(folder, "one.png")).Exits(0);

        Assert.Equal(["all-1.png", "all-2.png", "all-3.png", "one.png"], Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(File.ReadAllBytes(Path.Combine(folder, "one.png")), File.ReadAllBytes(Path.Combine(folder, "all-3.png")));
    }

    [Fact]
    public void StandardOutput_TakesThePng()
    {
        CliRun run = demo.Draw("-o", "-").Exits(0);
        string path = Path.Combine(demo.NewFolder(), "out.png");
        demo.Draw("-o", path).Exits(0);

        Assert.Equal(File.ReadAllBytes(path), run.Output);
    }

    [Fact]
    public void StandardInput_GivesTheSamePictureAsTheFile()
    {
        string folder = demo.NewFolder();
        demo.Draw("-o", Path.Combine(folder, "file.png")).Exits(0);
        demo.Run(
            new CliInput { Stream = File.OpenRead(demo.Sound) },
            "generate", "-", "--steps", "1", "--cfg-scale", "1", "--seed", "7", "-o", Path.Combine(folder, "stream.png")).Exits(0);

        Assert.Equal(PngReader.Read(Path.Combine(folder, "file.png")).Rgb, PngReader.Read(Path.Combine(folder, "stream.png")).Rgb);
    }

    [Fact]
    public void HeaderlessSamples_AreReadAsTold()
    {
        byte[] wav = File.ReadAllBytes(demo.Sound);
        string folder = demo.NewFolder();
        demo.Draw("-o", Path.Combine(folder, "wav.png")).Exits(0);
        demo.Run(
            new CliInput { Stream = new MemoryStream(wav[^(5 * 16000 * 2)..]) },
            "generate", "-", "--raw", "s16le", "--rate", "16000", "--steps", "1", "--cfg-scale", "1", "--seed", "7", "-o", Path.Combine(folder, "raw.png")).Exits(0);

        Assert.Equal(PngReader.Read(Path.Combine(folder, "wav.png")).Rgb, PngReader.Read(Path.Combine(folder, "raw.png")).Rgb);
    }

    [Fact]
    public void Token_GivesTheSamePictureAsItsSound()
    {
        string folder = demo.NewFolder(), token = Path.Combine(folder, "bell.token.safetensors");
        demo.Run("encode", demo.Sound, "-o", token).Exits(0);
        demo.Draw("-o", Path.Combine(folder, "sound.png")).Exits(0);
        demo.Run("generate", "--token", token, "--steps", "1", "--cfg-scale", "1", "--seed", "7", "-o", folder + "/").Exits(0);

        Assert.Equal(File.ReadAllBytes(Path.Combine(folder, "sound.png")), File.ReadAllBytes(Path.Combine(folder, "token.png")));
        using SafetensorsFile file = SafetensorsFile.Open(token);
        Assert.Equal([1, 32], file.Find("audio_token")!.Shape);
        Assert.Equal("bell.wav", file.Metadata["sound"]);
    }

    [Fact]
    public void SeveralSounds_StandInOnePrompt()
    {
        string path = Path.Combine(demo.NewFolder(), "out.png");
        CliRun run = demo.Draw("-a", demo.Sound, "-p", "<*> beside <*>", "--audio-weight", "1", "--audio-weight", "0.25", "--json", "-o", path).Exits(0);

        GenerationParameters parameters = ParametersText.Parse(PngReader.ReadTexts(path).Single(text => text.Keyword == "parameters").Text);
        Assert.Equal(("<*> beside <*>", "bell.wav, bell.wav", "1, 0.25"), (parameters.Prompt, parameters.Audio, parameters.AudioWeight));
        using JsonDocument json = JsonDocument.Parse(run.Text);
        Assert.Equal(["bell.wav", "bell.wav"], json.RootElement.GetProperty("sounds").EnumerateArray().Select(sound => sound.GetProperty("name").GetString()));
    }

    [Fact]
    public void SeveralTokens_DrawWhatTheirSoundsDraw()
    {
        string folder = demo.NewFolder(), token = Path.Combine(folder, "bell.token.safetensors");
        demo.Run("encode", demo.Sound, "-o", token).Exits(0);
        demo.Draw(demo.Sound, "-o", Path.Combine(folder, "sounds.png")).Exits(0);
        demo.Run("generate", "--token", token, "--token", token, "--steps", "1", "--cfg-scale", "1", "--seed", "7", "-o", Path.Combine(folder, "tokens.png")).Exits(0);

        Assert.Equal(PngReader.Read(Path.Combine(folder, "sounds.png")).Rgb, PngReader.Read(Path.Combine(folder, "tokens.png")).Rgb);
    }

    [Fact]
    public void Trace_HoldsEveryStageAndItsLatentsDrawThePictureAgain()
    {
        string folder = demo.NewFolder(), trace = Path.Combine(folder, "trace.safetensors");
        demo.Draw("-o", Path.Combine(folder, "a.png"), "--trace", trace, "--sampling-method", "ddim").Exits(0);
        string latents = Path.Combine(folder, "latents.safetensors");
        using (SafetensorsFile file = SafetensorsFile.Open(trace))
        {
            Assert.Superset(
                new HashSet<string> { "audio.samples", "audio.fbank", "beats.features", "audio_token", "text.input_ids", "text.hidden_states", "timesteps", "latents.init", "noise_pred.0", "latents.0", "image" },
                file.Names.ToHashSet());
            SafetensorsWriter writer = new();
            writer.Add(file.Find("latents.init")!, name: "latents"); // DDIM's initial sigma is 1
            writer.Save(latents);
        }

        demo.Run("generate", demo.Sound, "--steps", "1", "--cfg-scale", "1", "--seed", "8", "--sampling-method", "ddim", "--latents", latents, "-o", Path.Combine(folder, "b.png")).Exits(0);
        Assert.Equal(PngReader.Read(Path.Combine(folder, "a.png")).Rgb, PngReader.Read(Path.Combine(folder, "b.png")).Rgb);
    }

    [Fact]
    public void TraceOfStages_LeavesSingleCallsOut()
    {
        string folder = demo.NewFolder(), trace = Path.Combine(folder, "trace.safetensors");
        demo.Draw("-o", Path.Combine(folder, "a.png"), "--trace", trace, "--trace-level", "stage", "-b", "2").Exits(0);

        using SafetensorsFile file = SafetensorsFile.Open(trace);
        Assert.DoesNotContain(file.Names, name => name.StartsWith("noise_pred", StringComparison.Ordinal));
        Assert.Equal(2, file.Find("image")!.Shape[0]);
        Assert.Equal(2, Directory.GetFiles(folder, "a-?.png").Length);
    }

    [Theory, InlineData(null), InlineData("-1")]
    public void WithoutSeed_ARandomOneIsToldAndStored(string? seed)
    {
        string path = Path.Combine(demo.NewFolder(), "out.png");
        CliRun run = demo.Run(["generate", demo.Sound, "--steps", "1", "--cfg-scale", "1", "-o", path, .. seed is null ? [] : new[] { "--seed", seed }]).Exits(0);

        string line = Assert.Single(run.Error.Split('\n'), line => line.StartsWith("seed: ", StringComparison.Ordinal));
        ulong? stored = ParametersText.Parse(PngReader.ReadTexts(path).Single(text => text.Keyword == "parameters").Text).Seed;
        Assert.Equal(line["seed: ".Length..].Trim(), stored?.ToString(System.Globalization.CultureInfo.InvariantCulture));
    }

    [Fact]
    public void Metadata_HoldsNoPath()
    {
        string path = Path.Combine(demo.NewFolder(), "out.png");
        demo.Draw("-o", path, "-m", demo.Model).Exits(0);

        Assert.All(PngReader.ReadTexts(path), text => Assert.DoesNotContain(Path.GetFileName(demo.Folder), text.Text, StringComparison.Ordinal));
    }

    [Fact]
    public void NoMetadata_LeavesAllTextsOut()
    {
        string path = Path.Combine(demo.NewFolder(), "out.png");
        demo.Draw("-o", path, "--no-metadata").Exits(0);

        Assert.Empty(PngReader.ReadTexts(path));
    }

    [Fact]
    public void EveryOption_IsUnderstood()
    {
        string path = Path.Combine(demo.NewFolder(), "out.png");
        CliRun run = demo.Run(
            "generate", demo.Sound, "--num_inference_steps", "2", "--guidance_scale", "2.5", "--sampling-method", "dpm++2m", "--scheduler", "karras", "-W", "64", "-H", "128",
            "--seed", "18446744073709551615", "--rng", "philox", "--channel", "first", "--window", "start:0.5,dur:1", "--lora-scale", "0.5", "--device", "cpu", "--threads", "1",
            "--max-input", "1000000", "--sanitize", "--strict", "-p", "<*>", "--verbose", "-o", path).Exits(0);

        ImageBuffer picture = PngReader.Read(path);
        Assert.Equal((64, 128), (picture.Width, picture.Height));
        GenerationParameters parameters = ParametersText.Parse(PngReader.ReadTexts(path).Single(text => text.Keyword == "parameters").Text);
        Assert.Equal(("DPM++ 2M Karras", 2, 2.5, ulong.MaxValue, "NV"), (parameters.Sampler, parameters.Steps, parameters.CfgScale, parameters.Seed, parameters.Rng));
        Assert.Contains("device: cpu, 1 thread", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Environment_StandsForOptionsAndAnOptionWins()
    {
        string folder = demo.NewFolder();
        Dictionary<string, string> variables = new() { ["AUDIOTOKEN_MODEL"] = "/nowhere/model", ["AUDIOTOKEN_DEVICE"] = "cpu", ["AUDIOTOKEN_THREADS"] = "1" };
        string[] args = ["generate", demo.Sound, "--steps", "1", "--cfg-scale", "1", "-s", "7", "-o", Path.Combine(folder, "a.png")];
        demo.Run(new CliInput { Variables = variables }, args).Refuses(8101, "/nowhere/model");
        CliRun run = demo.Run(new CliInput { Variables = variables }, [.. args, "-m", demo.Model, "--verbose"]).Exits(0);

        Assert.Contains("device: cpu, 1 thread", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Prompt_WithoutPlaceholderGetsOneWithAWarning()
    {
        string path = Path.Combine(demo.NewFolder(), "out.png");
        JsonElement json = demo.Draw("-o", path, "-p", "a bell", "--json").Exits(0).Json;

        Assert.Contains(json.GetProperty("warnings").EnumerateArray(), warning => warning.GetString()!.Contains("a bell <*>", StringComparison.Ordinal));
    }

    [Fact]
    public void Prompt_ThatIsTooLongIsCutAndTheCutPartTold()
    {
        string prompt = "<*> " + string.Concat(Enumerable.Repeat("storm ", 80));
        CliRun run = demo.Draw("-o", Path.Combine(demo.NewFolder(), "out.png"), "-p", prompt).Exits(0);

        Assert.Contains("warning: the prompt has more than 75 tokens; not read: ", run.Error, StringComparison.Ordinal);
    }
}
