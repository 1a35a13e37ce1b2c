using System.Text.Json;
using AudioToken.Audio;
using AudioToken.Backends.Cpu;
using AudioToken.Models.Beats;
using AudioToken.Models.Vae;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Training.Adapters;
using AudioToken.Training.Optimisation;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Training.Tests;

/// <summary>Three steps of the original training script on tiny models (goldens b10_training): losses, gradients, parameters after AdamW.</summary>
public sealed class TrainingGoldenTests
{
    // Softmax ignores a constant, so this gradient is zero but for rounding.
    private const string WithoutGradient = "embedder.fga.un_models.0.feature_reduce.bias";

    [Theory]
    [InlineData("sd1_nodrop", 0, 3)]
    [InlineData("sd2_nodrop_vpred", 0, 3)]
    [InlineData("sd1_mask_lora", 2, 1)]
    public void Steps_EqualTheOriginal(string name, int firstStart, int secondStart)
    {
        float[] sound = [.. RecordedClip.Samples(0, firstStart, 5), .. RecordedClip.Samples(1, secondStart, 5)];
        using GoldenFile golden = Goldens.Open("b10_training");
        JsonElement config = golden.Json("configs").GetProperty(name);
        bool lora = config.GetProperty("lora_rank").GetInt32() > 0;
        using TinyModel tiny = new(config.GetProperty("flavour").GetString() == "sd2", lora);
        using ModelFiles files = tiny.Open();
        using CpuOps ops = new(new CpuOptions { Threads = 2 });
        using AdapterModel model = AdapterModel.Load(files, ops, new AdapterSettings
        {
            LoraRank = lora ? 4 : 0,
            MagnitudePenalty = config.GetProperty("lambda_a").GetDouble(),
            LengthPenalty = config.GetProperty("lambda_b").GetDouble(),
        });
        Assert.Equal(golden[$"{name}.in.input_ids"].AsSpan(0, 77).ToArray(), model.PromptIds.Select(id => (float)id));

        float[] features = Hear(files, ops, sound);
        DiagonalGaussian pictures = See(files, ops, config, name);
        GradientSums sums = new(model.Parameters);
        AdamW optimiser = new(model.Parameters);
        double rate = config.GetProperty("lr").GetDouble();
        for (int step = 0; step < 3; step++)
        {
            AdapterBatch batch = Batch(config, name, step, features, pictures, model.Embedder.Config.OutputWidth);
            if (step == 0)
                TensorAssert.Network(Layout.ChannelsLast(golden[$"{name}.mid.latents"], golden.ShapeOf($"{name}.mid.latents")), batch.Latents, "latents");
            sums.Clear();
            AdapterLoss loss = AdapterStep.Accumulate(model, batch, sums);
            float[] losses = golden[$"{name}.out.loss_and_mse_per_step"];
            TensorAssert.MaxAbs([losses[2 * step], losses[2 * step + 1]], [(float)loss.Total, (float)loss.Diffusion], 1e-4, $"losses of step {step + 1}");
            if (step == 0)
                CheckGradients(golden, name, model, sums);
            optimiser.Update(sums.Values, rate);
            foreach (Parameter parameter in model.Parameters)
                parameter.Publish(ops);
            if (step != 1)
                CheckParameters(golden, name, step + 1, model, rate);
        }
    }

    // Reference noise of the gradients is 1.4e-5 relative at worst (goldens/README.md); ours adds as much.
    private static void CheckGradients(GoldenFile golden, string name, AdapterModel model, GradientSums sums)
    {
        Assert.Equal(golden.File.Names.Count(tensor => tensor.StartsWith($"{name}.out.grad.", StringComparison.Ordinal)), model.Parameters.Count);
        double worst = 0;
        for (int i = 0; i < model.Parameters.Count; i++)
        {
            string parameter = model.Parameters[i].Name;
            float[] expected = golden[$"{name}.out.grad.{parameter}"];
            double relative = TensorAssert.RelativeRms(expected, sums.Values[i]);
            if (parameter == WithoutGradient)
            {
                TensorAssert.MaxAbs(expected, sums.Values[i], 1e-6, parameter);
                continue;
            }

            worst = Math.Max(worst, relative);
            Assert.True(relative <= 3e-5, $"{name}: gradient of {parameter} differs by {relative:g3} of its length; at most 3e-5.");
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{name}: gradients within {worst:g3} of their length");
    }

    // The step's bound is goldens/README.md's: 2 % of lr and 1e-6. The first step is lr g / (|g| + epsilon), so an element whose gradient is as small
    // as the recording's own noise (its recorded error against float64, six deviations of it) moves by an accident of rounding: it may differ by
    // as much of lr as that noise is of the gradient.
    private static void CheckParameters(GoldenFile golden, string name, int step, AdapterModel model, double rate)
    {
        JsonElement noise = golden.Json("configs").GetProperty(name).GetProperty("grad_rel_error_fp32_vs_fp64");
        foreach (Parameter parameter in model.Parameters)
        {
            float[] gradient = golden[$"{name}.out.grad.{parameter.Name}"], expected = golden[$"{name}.out.step{step}.{parameter.Name}"];
            double deviation = noise.GetProperty(parameter.Name).GetDouble() * Math.Sqrt(gradient.Average(value => (double)value * value));
            for (int i = 0; i < expected.Length; i++)
            {
                double accident = parameter.Name == WithoutGradient ? 1 : Math.Min(1, 6 * deviation / (Math.Abs(gradient[i]) + 1e-8));
                double tolerance = (step * rate * (0.02 + accident)) + 1e-6, difference = Math.Abs(expected[i] - parameter.Values[i]);
                Assert.True(difference <= tolerance, $"{name}: {parameter.Name}[{i}] after {step} steps differs by {difference:g4}, at most {tolerance:g3}.");
            }
        }
    }

    private static AdapterBatch Batch(JsonElement config, string name, int step, float[] features, DiagonalGaussian pictures, int tokenWidth)
    {
        int height = config.GetProperty("image_hw")[0].GetInt32() / 8, width = config.GetProperty("image_hw")[1].GetInt32() / 8;
        Shape planes = [2, 4, height, width];
        float[] Drawn(string kind) => Layout.ChannelsLast(WeightFormula.GaussLike($"train/{name}/{kind}/{step}", planes), planes);
        float[] latents = Array.ConvertAll(pictures.Sample(Drawn("vae_noise")), value => 0.18215f * value);
        float[]? mask = null;
        if (config.GetProperty("dropout_mask").GetBoolean())
        {
            Shape shape = [2, tokenWidth, 248];
            mask = Layout.ChannelsLast(Array.ConvertAll(WeightFormula.Uniform($"train/{name}/mask/{step}", shape), u => u >= 0 ? 2f : 0), shape);
        }

        return new AdapterBatch
        {
            Features = features,
            FeatureShape = [2, 248, features.Length / 2 / 248],
            Latents = latents,
            LatentShape = [2, height, width, 4],
            Noise = Drawn("noise"),
            Timesteps = [config.GetProperty("timesteps")[step][0].GetInt32(), config.GetProperty("timesteps")[step][1].GetInt32()],
            Dropout = mask,
        };
    }

    private static float[] Hear(ModelFiles files, CpuOps ops, float[] sound)
    {
        using JsonDocument json = JsonDocument.Parse(files.ConfigJson(ModelComponent.Beats));
        using TensorCollection tensors = files.Open(ModelComponent.Beats);
        using BeatsEncoder beats = BeatsEncoder.Load(ops, tensors, BeatsConfig.Parse(json.RootElement));
        using TensorScope scope = ops.Scope();
        int half = sound.Length / 2, frames = Fbank.FrameCount(half);
        float[] fbank = [.. Fbank.Compute(sound.AsSpan(0, half)), .. Fbank.Compute(sound.AsSpan(half))];
        return ops.Values(beats.Forward(ops, ops.Upload(fbank, [2, frames, Fbank.MelBins])));
    }

    private static DiagonalGaussian See(ModelFiles files, CpuOps ops, JsonElement config, string name)
    {
        using JsonDocument json = JsonDocument.Parse(files.ConfigJson(ModelComponent.Vae));
        using TensorCollection tensors = files.Open(ModelComponent.Vae);
        using VaeEncoder vae = VaeEncoder.Load(ops, tensors, VaeConfig.Parse(json.RootElement));
        using TensorScope scope = ops.Scope();
        Shape planes = [2, 3, config.GetProperty("image_hw")[0].GetInt32(), config.GetProperty("image_hw")[1].GetInt32()];
        float[] pixels = Layout.ChannelsLast(WeightFormula.Uniform($"train/{name}/pixel_values", planes), planes);
        return new DiagonalGaussian(ops.Values(vae.Forward(ops, ops.Upload(pixels, Layout.ChannelsLast(planes)))), 4);
    }
}
