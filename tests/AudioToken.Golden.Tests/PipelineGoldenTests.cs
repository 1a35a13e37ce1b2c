using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
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
    // What a model on a backend has heard in a sound. The emulated device takes a second for that, so cases of one sound share it.
    private static readonly Dictionary<string, float[]> s_heard = [];

    /// <summary>File, case and backend.</summary>
    public static TheoryData<string, string, string> Cases => Times("cpu", "cuda");

    /// <inheritdoc cref="Cases"/>
    public static TheoryData<string, string, string> HalfCases => Times("cuda f16", "cuda bf16");

    [Theory, MemberData(nameof(Cases))]
    public void SoundToPicture_EqualsTheRecording(string file, string name, string backend)
    {
        JsonElement config;
        using (GoldenFile golden = Goldens.Open(file))
            config = golden.Json("configs").GetProperty(name);
        using TinyModel tiny = new(config.GetProperty("checkpoint").GetString() == "sd2", config.GetProperty("lora").GetBoolean());
        using ModelFiles files = tiny.Open();
        CheckRecording(files, file, name, BackendData.Open(backend), backend);
    }

    /// <summary>Half precision may be off by twice what the plain half formula is (StoredOps), each against the recording.</summary>
    [Theory, MemberData(nameof(HalfCases))]
    public void HalfPrecision_IsAsGoodAsItsFormula(string file, string name, string backend)
    {
        using GoldenFile golden = Goldens.Open(file);
        JsonElement config = golden.Json("configs").GetProperty(name);
        using TinyModel tiny = new(config.GetProperty("checkpoint").GetString() == "sd2", config.GetProperty("lora").GetBoolean());
        using ModelFiles files = tiny.Open();
        using CpuOps cpu = new();
        double[] formula = Errors(new StoredOps(cpu, BackendData.StorageOf(backend), sums: false), backend + "'s formula"), found = Errors(BackendData.Open(backend), backend);
        string figures = string.Create(CultureInfo.InvariantCulture, $"audio token, latents, picture: {found[0]:g3}, {found[1]:g3}, {found[2]:g3}; the plain formula {formula[0]:g3}, {formula[1]:g3}, {formula[2]:g3}");
        TestContext.Current.TestOutputHelper?.WriteLine(figures);
        Assert.True(found.Zip(formula).All(pair => pair.First <= 2 * pair.Second), figures);

        double[] Errors(ITensorOps ops, string listener)
        {
            using AudioToImagePipeline pipeline = AudioToImagePipeline.Load(files, ops);
            (GenerationResult result, GenerationTrace trace) = Draw(pipeline, golden, file, name, listener);
            int calls = trace.Names.Count(key => key.StartsWith("noise_pred.", StringComparison.Ordinal));
            return
            [
                TensorAssert.RelativeRms(golden[$"{name}.out.audio_token"], result.AudioToken.Span),
                TensorAssert.RelativeRms(golden[$"{name}.out.latents"], trace[$"latents.{calls - 1}"].Values),
                TensorAssert.RelativeRms(Array.ConvertAll(golden.File.ReadBytes($"{name}.out.image_u8"), value => (float)value), Array.ConvertAll(Bytes(result), value => (float)value)),
            ];
        }
    }

    /// <summary>Draws a recorded case with a model on a backend, which it owns, and holds every stage against the recording.</summary>
    /// <param name="files">The model.</param>
    /// <param name="file">The recordings.</param>
    /// <param name="name">The case.</param>
    /// <param name="ops">The backend.</param>
    /// <param name="listener">Its name, if what it heard in another case of the sound may stand for this one's.</param>
    internal static void CheckRecording(ModelFiles files, string file, string name, ITensorOps ops, string? listener = null)
    {
        using GoldenFile golden = Goldens.Open(file);
        using AudioToImagePipeline pipeline = AudioToImagePipeline.Load(files, ops);
        bool hasFeatures = golden.Has($"{name}.mid.layers_sum_every4");
        (GenerationResult result, GenerationTrace trace) = Draw(pipeline, golden, file, name, hasFeatures ? null : listener);
        // Ids: negative prompt, then prompt.
        float[] ids = golden[$"{name}.in.input_ids"];
        Assert.Equal(ids.AsSpan(0, 77).ToArray(), trace.Ids("text.uncond_ids")[..77].Select(id => (float)id));
        Assert.Equal(ids.AsSpan(77, 77).ToArray(), trace.Ids("text.input_ids")[..77].Select(id => (float)id));

        TensorAssert.Network(golden[$"{name}.out.audio_token"], result.AudioToken.Span, "audio_token");
        if (hasFeatures)
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

    // Draws a recorded case, everything traced; of a sound that the listener knows, the token is taken as it heard it.
    private static (GenerationResult Result, GenerationTrace Trace) Draw(AudioToImagePipeline pipeline, GoldenFile golden, string file, string name, string? listener)
    {
        JsonElement config = golden.Json("configs").GetProperty(name);
        ReadOnlyMemory<float> samples = Sound(file, name, config.GetProperty("samples").GetInt32());
        string sound = $"{listener}, {config.GetProperty("checkpoint")}, {Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes(samples.Span)))}";
        int images = config.GetProperty("images").GetInt32();
        GenerationTrace trace = new(TraceLevel.All);
        GenerationRequest request = new()
        {
            Sounds = [s_heard.TryGetValue(sound, out float[]? token) ? new SoundInput { Token = token } : new SoundInput { Samples = samples }],
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
        GenerationResult result = pipeline.Generate(request, cancellation: TestContext.Current.CancellationToken);
        if (listener is not null)
            s_heard[sound] = result.AudioToken.ToArray();
        return (result, trace);
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
        byte[] drawn = Bytes(result);
        Assert.Equal(recorded.Length, drawn.Length);
        int[] differences = [.. recorded.Zip(drawn, (a, b) => Math.Abs(a - b))];
        Assert.InRange(differences.Max(), 0, 1);
        Assert.InRange(differences.Count(difference => difference > 0), 0, recorded.Length / 200);
    }

    private static byte[] Bytes(GenerationResult result) => [.. result.Images.SelectMany(image => image.Pixels.Rgb.ToArray())];

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

    // Pixels times steps: bfloat16, whose kernels are half precision's but for the type, is tried on the small pictures.
    private const long SmallWork = 128 * 64 * 5;

    private static long Work(JsonElement config) => (long)config.GetProperty("images").GetInt32() * config.GetProperty("steps").GetInt32()
        * config.GetProperty("width").GetInt32() * config.GetProperty("height").GetInt32();

    private static TheoryData<string, string, string> Times(params ReadOnlySpan<string> backends)
    {
        TheoryData<string, string, string> cases = [];
        foreach (string file in (string[])["b9_pipeline_tiny", "b12_pipeline_synth"])
        {
            using GoldenFile golden = Goldens.Open(file);
            foreach (JsonProperty config in golden.Json("configs").EnumerateObject())
            {
                foreach (string backend in backends.ToArray().Where(backend => backend != "cuda bf16" || Work(config.Value) <= SmallWork))
                    cases.Add(file, config.Name, backend);
            }
        }

        return cases;
    }
}
