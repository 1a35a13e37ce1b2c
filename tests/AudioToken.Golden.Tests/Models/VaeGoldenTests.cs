using System.Text.Json;
using AudioToken.Models.Vae;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Golden.Tests.Models;

/// <summary>The autoencoder against diffusers (goldens b7), both ways.</summary>
public sealed class VaeGoldenTests
{
    public static TheoryData<string, string> TinyCases => GoldenBackend.Times("tiny", "tiny_rect");

    [Theory, MemberData(nameof(TinyCases))]
    public void Autoencoder_EqualsTheOriginalInsideAndOut(string name, string backend)
    {
        using GoldenFile golden = Goldens.Open("b7_vae_tiny");
        GoldenBackend.Hold(backend, (ops, compare) =>
        {
            using ProbeOps probe = new(ops);
            Compare(
                golden, name, ops, probe, compare, golden[$"{name}.in.image"], golden.ShapeOf($"{name}.in.image"),
                golden[$"{name}.in.latent"], golden[$"{name}.in.noise"], golden.ShapeOf($"{name}.in.latent"));

            foreach (string key in golden.File.Names.Where(key => key.StartsWith($"{name}.mid.", StringComparison.Ordinal)))
            {
                string module = key[$"{name}.mid.".Length..];
                compare(golden.ChannelsLast(key), probe.Result(Operations(module).First(probe.Has)), module);
            }
        });
    }

    [Fact, Trait("Category", "RealSize")]
    public void RealAutoencoder_EqualsTheOriginal()
    {
        using GoldenFile golden = Goldens.Open("b7_vae_real");
        JsonElement keys = golden.Json("configs").GetProperty("sd").GetProperty("input_keys");
        Shape image = [1, 3, 256, 256], latent = [1, 4, 32, 32];
        using ITensorOps ops = GoldenBackend.Open(GoldenBackend.Cpu);
        Compare(
            golden, "sd", ops, ops, TensorAssert.Network, WeightFormula.Uniform(keys[0].GetString()!, image), image,
            WeightFormula.GaussLike(keys[1].GetString()!, latent), WeightFormula.GaussLike(keys[2].GetString()!, latent), latent);
    }

    private static void Compare(
        GoldenFile golden, string name, ITensorOps ops, ITensorOps probe, GoldenBackend.Comparison compare,
        float[] image, Shape imageShape, float[] latent, float[] noise, Shape latentShape)
    {
        JsonElement settings = golden.Json("configs").GetProperty(name);
        VaeConfig config = VaeConfig.Parse(settings.GetProperty("config"));
        using FormulaCheckpoint checkpoint = new(settings.GetProperty("prefix").GetString()!, CheckpointShapes.Vae(config));

        using (VaeEncoder encoder = VaeEncoder.Load(ops, checkpoint, config))
        using (ops.Scope())
        {
            float[] moments = ops.Download(encoder.Forward(probe, ops.UploadMap(image, imageShape)));
            compare(golden.ChannelsLast($"{name}.out.moments"), moments, "moments");
            DiagonalGaussian posterior = new(moments, config.LatentChannels);
            compare(golden.ChannelsLast($"{name}.out.mean"), posterior.Mean, "mean");
            compare(golden.ChannelsLast($"{name}.out.std"), posterior.Deviation, "std");
            compare(
                golden.ChannelsLast($"{name}.out.sample"), posterior.Sample(GoldenBackend.ChannelsLast(noise, latentShape)), "sample");
        }

        using (VaeDecoder decoder = VaeDecoder.Load(ops, checkpoint, config))
        using (ops.Scope())
        {
            float[] decoded = ops.Download(decoder.Forward(probe, ops.UploadMap(latent, latentShape)));
            float[] expected = golden.ChannelsLast($"{name}.out.decoded");
            compare(expected, decoded, "decoded");

            // In strips the same tolerance holds, far below the 2/255 of a step of a picture's bytes.
            Tensor latents = ops.UploadMap(latent, latentShape);
            float[] tiled = [.. Enumerable.Range(0, latentShape[0]).SelectMany(i => ops.Download(decoder.ForwardTiled(ops, latents.Slice(i, 1))))];
            compare(expected, tiled, "decoded in strips");
        }
    }

    private static string[] Operations(string module)
    {
        string[] segments = module.Split('.');
        return segments[^1] switch
        {
            "mid_block" => [$"{module}.resnets.1.conv2"],
            _ when segments.Length > 2 && segments[^2] == "attentions" => [$"{module}.proj_attn"],
            _ when segments.Length > 2 && segments[^2] is "down_blocks" or "up_blocks" =>
                [$"{module}.downsamplers.0.conv", $"{module}.upsamplers.0.conv", $"{module}.resnets.2.conv2", $"{module}.resnets.1.conv2"],
            _ => [module],
        };
    }
}
