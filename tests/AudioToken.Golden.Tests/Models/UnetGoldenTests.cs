using System.Text.Json;
using AudioToken.Models.Unet;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Golden.Tests.Models;

/// <summary>The UNet against diffusers (goldens b6): SD 1 and SD 2 likes, odd and oblong latents, another number of levels.</summary>
public sealed class UnetGoldenTests
{
    public static TheoryData<string, string> TinyCases => GoldenBackend.Times("sd1_tiny", "sd1_tiny_odd", "sd1_tiny_rect", "sd2_tiny", "two_level");

    [Theory, MemberData(nameof(TinyCases))]
    public void Unet_EqualsTheOriginalInsideAndOut(string name, string backend)
    {
        using GoldenFile golden = Goldens.Open("b6_unet_tiny");
        Shape shape = golden.ShapeOf($"{name}.in.sample");
        GoldenBackend.Hold(backend, (ops, compare) =>
        {
            using ProbeOps probe = new(ops);
            float[] predicted = Predict(
                golden.Json("configs").GetProperty(name), ops, probe, golden[$"{name}.in.sample"], shape,
                golden[$"{name}.in.encoder_hidden_states"], golden.ShapeOf($"{name}.in.encoder_hidden_states"), golden[$"{name}.in.timestep"]);

            foreach (string key in golden.File.Names.Where(key => key.StartsWith($"{name}.mid.", StringComparison.Ordinal)))
            {
                float[] expected = golden.ShapeOf(key).Rank == 4 ? golden.ChannelsLast(key) : golden[key];
                Compare(key[$"{name}.mid.".Length..], expected, probe, compare);
            }

            compare(golden.ChannelsLast($"{name}.out.sample"), predicted, "sample");
        });
    }

    [Fact, Trait("Category", "RealSize")]
    public void RealUnet_EqualsTheOriginal()
    {
        const string name = "sd14", suffix = ".ch_every64";
        using GoldenFile golden = Goldens.Open("b6_unet_real");
        JsonElement settings = golden.Json("configs").GetProperty(name);
        JsonElement keys = settings.GetProperty("input_keys");
        Shape shape = [1, 4, 64, 64], contextShape = [1, 77, 768];
        string[] kept = [.. golden.File.Names.Where(key => key.StartsWith($"{name}.mid.", StringComparison.Ordinal))];
        using ITensorOps ops = GoldenBackend.Open(GoldenBackend.Cpu);
        HashSet<string> seen = [.. kept.SelectMany(key => Operations(key[$"{name}.mid.".Length..].Replace(suffix, "", StringComparison.Ordinal)))];
        using ProbeOps probe = new(ops, seen.Contains);
        float[] predicted = Predict(
            settings, ops, probe, WeightFormula.GaussLike(keys[0].GetString()!, shape), shape,
            WeightFormula.GaussLike(keys[1].GetString()!, contextShape), contextShape, golden[$"{name}.in.timestep"]);

        foreach (string key in kept)
        {
            bool strided = key.EndsWith(suffix, StringComparison.Ordinal);
            float[] expected = strided ? golden.ChannelsLast(key) : golden[key];
            Compare(key[$"{name}.mid.".Length..].Replace(suffix, "", StringComparison.Ordinal), expected, probe, TensorAssert.Network);
        }

        TensorAssert.Network(golden.ChannelsLast($"{name}.out.sample"), predicted, "sample");
    }

    private static float[] Predict(
        JsonElement settings, ITensorOps ops, ITensorOps probe, float[] sample, Shape shape, float[] context, Shape contextShape, float[] timesteps)
    {
        JsonElement json = settings.GetProperty("config");
        UnetConfig config = UnetConfig.Parse(json);
        bool linear = json.TryGetProperty("use_linear_projection", out JsonElement value) && value.GetBoolean();
        using FormulaCheckpoint checkpoint = new(settings.GetProperty("prefix").GetString()!, CheckpointShapes.Unet(config, linear));
        using UnetModel unet = UnetModel.Load(ops, checkpoint, config);
        using TensorScope scope = ops.Scope();
        UnetTimes times = unet.PrepareTimes(probe, timesteps);
        UnetContext prepared = unet.PrepareContext(probe, ops.Upload(context, contextShape));
        UnetTime time = timesteps.Length == 1 ? times.Step(0) : times.PerSample();
        return ops.Download(unet.Forward(probe, ops.UploadMap(sample, shape), time, prepared));
    }

    // What a module gave is what its last operation stored; an activation or a residual may be fused into that.
    private static void Compare(string module, float[] expected, ProbeOps probe, GoldenBackend.Comparison compare)
    {
        string operation = Operations(module).First(probe.Has);
        string last = module[(module.LastIndexOf('.') + 1)..];
        float[] actual = last is "attn1" or "attn2" or "ff" ? probe.Branch(operation) : probe.Result(operation);
        if (last is "conv_norm_out" or "time_embedding")
            expected = expected.Apply(Activation.Silu);
        if (actual.Length != expected.Length)
            actual = EverySixtyFourth(actual, expected.Length);
        compare(expected, actual, module);
    }

    private static string[] Operations(string module)
    {
        string[] segments = module.Split('.');
        return segments[^1] switch
        {
            "time_proj" => [nameof(ITensorOps.TimestepEmbedding)],
            "time_embedding" => [$"{module}.linear_2"],
            "attn1" or "attn2" => [$"{module}.to_out.0"],
            "ff" => [$"{module}.net.2"],
            _ when segments.Length > 1 && segments[^2] == "resnets" => [$"{module}.conv2"],
            _ when segments.Length > 1 && segments[^2] == "attentions" => [$"{module}.proj_out"],
            _ when segments.Length > 1 && segments[^2] is "downsamplers" or "upsamplers" => [$"{module}.conv"],
            _ when segments[^1] == "mid_block" => [$"{module}.resnets.1.conv2"],
            _ when segments[0] is "down_blocks" or "up_blocks" && segments.Length == 2 =>
            [
                $"{module}.downsamplers.0.conv", $"{module}.upsamplers.0.conv",
                $"{module}.attentions.2.proj_out", $"{module}.resnets.2.conv2", $"{module}.resnets.1.conv2",
            ],
            _ => [module],
        };
    }

    // Channels 0, 64, 128, ... of a channels-last map, of which the golden keeps `kept` values in all.
    private static float[] EverySixtyFourth(float[] map, int kept)
    {
        Assert.Equal(map.Length, kept * 64);
        return [.. map.Where((_, i) => i % 64 == 0)];
    }
}
