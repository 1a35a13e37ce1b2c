using System.Text.Json;
using AudioToken.Audio;
using AudioToken.Backends.Cpu;
using AudioToken.Pipelines;
using AudioToken.Sampling;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Golden.Tests;

/// <summary>The whole way from a sound to a picture against recordings of the original code (b9 on a real clip, b12 on our own sound).</summary>
public sealed class PipelineGoldenTests
{
    public static TheoryData<string, string, string> Cases { get; } = MakeCases();

    [Theory, MemberData(nameof(Cases))]
    public void SoundToPicture_EqualsTheRecording(string file, string name, string backend)
    {
        JsonElement config;
        using (GoldenFile golden = Goldens.Open(file))
            config = golden.Json("configs").GetProperty(name);
        using TinyModel tiny = new(config.GetProperty("checkpoint").GetString() == "sd2", config.GetProperty("lora").GetBoolean());
        using ModelFiles files = tiny.Open();
        CheckRecording(files, file, name, BackendData.Open(backend));
    }

    /// <summary>Half precision may be off by twice what the plain half formula is (StoredOps), each against the recording.</summary>
    [Theory]
    [InlineData("b9_pipeline_tiny", "sd1_noguidance", "cuda f16")]
    [InlineData("b12_pipeline_synth", "synth_sd1_lora_pndm5", "cuda f16")]
    [InlineData("b12_pipeline_synth", "synth_sd1_lora_pndm5", "cuda bf16")]
    [InlineData("b12_pipeline_synth", "synth_sd2_pndm5_vpred", "cuda f16")]
    public void HalfPrecision_IsAsGoodAsItsFormula(string file, string name, string backend)
    {
        using GoldenFile golden = Goldens.Open(file);
        JsonElement config = golden.Json("configs").GetProperty(name);
        using TinyModel tiny = new(config.GetProperty("checkpoint").GetString() == "sd2", config.GetProperty("lora").GetBoolean());
        using ModelFiles files = tiny.Open();
        using CpuOps cpu = new();
        double[] formula = Errors(new StoredOps(cpu, BackendData.StorageOf(backend))), found = Errors(BackendData.Open(backend));
        string figures = $"audio token, latents: {found[0]:g3}, {found[1]:g3}; the plain formula {formula[0]:g3}, {formula[1]:g3}";
        TestContext.Current.TestOutputHelper?.WriteLine(figures);
        Assert.True(found[0] <= 2 * formula[0] && found[1] <= 2 * formula[1], figures);

        double[] Errors(ITensorOps ops)
        {
            using AudioToImagePipeline pipeline = AudioToImagePipeline.Load(files, ops);
            (GenerationResult result, GenerationTrace trace) = Draw(pipeline, golden, file, name);
            int calls = trace.Names.Count(key => key.StartsWith("noise_pred.", StringComparison.Ordinal));
            return
            [
                TensorAssert.RelativeRms(golden[$"{name}.out.audio_token"], result.AudioToken.Span),
                TensorAssert.RelativeRms(golden[$"{name}.out.latents"], trace[$"latents.{calls - 1}"].Values),
            ];
        }
    }

    /// <summary>Draws a recorded case with a model on a backend, which it owns, and holds every stage against the recording.</summary>
    internal static void CheckRecording(ModelFiles files, string file, string name, ITensorOps ops)
    {
        using GoldenFile golden = Goldens.Open(file);
        using AudioToImagePipeline pipeline = AudioToImagePipeline.Load(files, ops);
        (GenerationResult result, GenerationTrace trace) = Draw(pipeline, golden, file, name);
        // Ids: negative prompt, then prompt.
        float[] ids = golden[$"{name}.in.input_ids"];
        Assert.Equal(ids.AsSpan(0, 77).ToArray(), trace.Ids("text.uncond_ids")[..77].Select(id => (float)id));
        Assert.Equal(ids.AsSpan(77, 77).ToArray(), trace.Ids("text.input_ids")[..77].Select(id => (float)id));

        TensorAssert.Network(golden[$"{name}.out.audio_token"], result.AudioToken.Span, "audio_token");
        if (golden.Has($"{name}.mid.layers_sum_every4"))
        {
            // BEATs hears our log-mel features here, which may differ by 5e-4, or 3.8e-5 of their deviation after normalising
            // (docs/NUMERICS.md); its layer norms keep that scale.
            float[] recorded = golden[$"{name}.mid.layers_sum_every4"], features = EveryFourthRow(trace["beats.features"]);
            TensorAssert.MaxAbs(recorded, features, 5e-4, "beats.features");
            Assert.InRange(TensorAssert.RelativeRms(recorded, features), 0, 5e-4 / (2 * Fbank.Deviation));
        }

        if (golden.Has($"{name}.mid.prompt_embeds"))
        {
            float[] states = [.. trace["text.uncond_hidden_states"].Values, .. trace["text.hidden_states"].Values];
            TensorAssert.Network(golden[$"{name}.mid.prompt_embeds"], states, "text.hidden_states");
        }

        CheckLatents(golden, name, trace);
        CheckPictures(golden, name, result);
    }

    // Draws a recorded case, everything traced.
    private static (GenerationResult Result, GenerationTrace Trace) Draw(AudioToImagePipeline pipeline, GoldenFile golden, string file, string name)
    {
        JsonElement config = golden.Json("configs").GetProperty(name);
        int images = config.GetProperty("images").GetInt32();
        GenerationTrace trace = new(TraceLevel.All);
        GenerationRequest request = new()
        {
            Samples = Sound(file, name, config.GetProperty("samples").GetInt32()),
            Prompt = config.GetProperty("prompt").GetString()!,
            NegativePrompt = config.GetProperty("negative_prompt").GetString()!,
            Sampler = SamplerKinds.OfClass(config.GetProperty("scheduler").GetString()),
            SamplerOptions = new SamplerOptions { Convention = SolverConvention.Diffusers016 },
            Steps = config.GetProperty("steps").GetInt32(),
            GuidanceScale = config.GetProperty("guidance_scale").GetSingle(),
            Width = config.GetProperty("width").GetInt32(),
            Height = config.GetProperty("height").GetInt32(),
            Count = images,
            Latents = golden[$"{name}.in.latents"],
            Seed = 0,
            Trace = trace,
        };
        return (pipeline.Generate(request, cancellation: TestContext.Current.CancellationToken), trace);
    }

    // Latents: 1e-4 relative root mean square (docs/NUMERICS.md). The recording's callback skips PNDM's warm-up call.
    private static void CheckLatents(GoldenFile golden, string name, GenerationTrace trace)
    {
        int calls = trace.Names.Count(key => key.StartsWith("noise_pred.", StringComparison.Ordinal));
        if (golden.Has($"{name}.mid.latents_per_step"))
        {
            float[] recorded = golden[$"{name}.mid.latents_per_step"];
            int steps = golden.ShapeOf($"{name}.mid.latents_per_step")[0], each = recorded.Length / steps;
            for (int i = 0; i < steps; i++)
            {
                (_, float[] actual) = trace[$"latents.{calls - steps + i}"];
                double stepRms = TensorAssert.RelativeRms(recorded.AsSpan(i * each, each), actual);
                Assert.True(stepRms <= 1e-4, $"{name}, recorded step {i}: relative root mean square {stepRms:g4}, at most 1e-4.");
            }
        }

        double rms = TensorAssert.RelativeRms(golden[$"{name}.out.latents"], trace[$"latents.{calls - 1}"].Values);
        Assert.True(rms <= 1e-4, $"{name}: latents' relative root mean square {rms:g4}, at most 1e-4.");
    }

    // Pictures: within 1 of 255 everywhere, equal on 99.5 %.
    private static void CheckPictures(GoldenFile golden, string name, GenerationResult result)
    {
        byte[] recorded = golden.File.ReadBytes($"{name}.out.image_u8");
        byte[] drawn = [.. result.Images.SelectMany(image => image.Pixels.Rgb.ToArray())];
        Assert.Equal(recorded.Length, drawn.Length);
        int[] differences = [.. recorded.Zip(drawn, (a, b) => Math.Abs(a - b))];
        Assert.InRange(differences.Max(), 0, 1);
        Assert.InRange(differences.Count(difference => difference > 0), 0, recorded.Length / 200);
    }

    private static ReadOnlyMemory<float> Sound(string file, string name, int samples)
    {
        if (file.StartsWith("b12", StringComparison.Ordinal))
            return AudioClip.Load(Goldens.PathOf("synth.wav"), channels: ChannelPolicy.First).Samples[..samples];
        int clip = name is "sd1_ddim5_wav1_5s_rect" or "sd1_pndm10_two_images_negative" ? 1 : 0;
        return RecordedClip.Samples(clip, startSeconds: name == "sd1_ddim5_wav1_5s_rect" ? 3 : 0, seconds: samples / 16000);
    }

    private static float[] EveryFourthRow((Shape Shape, float[] Values) features)
    {
        int width = features.Shape[2];
        return [.. Enumerable.Range(0, (features.Shape[1] + 3) / 4).SelectMany(row => features.Values.Skip(4 * row * width).Take(width))];
    }

    // Pixels times steps: the emulated device takes a minute for more than this.
    private const long EmulatedWork = 128 * 64 * 5;

    private static long Work(JsonElement config) => (long)config.GetProperty("images").GetInt32() * config.GetProperty("steps").GetInt32()
        * config.GetProperty("width").GetInt32() * config.GetProperty("height").GetInt32();

    private static TheoryData<string, string, string> MakeCases()
    {
        TheoryData<string, string, string> cases = [];
        foreach (string file in (string[])["b9_pipeline_tiny", "b12_pipeline_synth"])
        {
            using GoldenFile golden = Goldens.Open(file);
            foreach (JsonProperty config in golden.Json("configs").EnumerateObject())
            {
                cases.Add(file, config.Name, "cpu");
                if (Work(config.Value) <= EmulatedWork)
                    cases.Add(file, config.Name, "cuda");
            }
        }

        return cases;
    }
}
