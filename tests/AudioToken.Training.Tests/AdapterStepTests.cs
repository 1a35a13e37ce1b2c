using AudioToken.Backends.Cpu;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Training.Adapters;
using AudioToken.Training.Optimisation;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Training.Tests;

/// <summary>The step of the adapters on drawn features: what must hold without any recording.</summary>
public sealed class AdapterStepTests
{
    [Fact]
    public void Checkpoints_ChangeNoBitAndSaveMemory()
    {
        using TinyModel tiny = new(lora: true);
        using ModelFiles files = tiny.Open();
        (float[][] plain, long most) = Gradients(files, checkpoints: false, side: 40);
        (float[][] saving, long less) = Gradients(files, checkpoints: true, side: 40);
        for (int i = 0; i < plain.Length; i++)
            Assert.Equal(plain[i], saving[i]);
        Assert.True(less < most * 3 / 4, $"{less:N0} bytes with checkpoints, {most:N0} without.");
    }

    [Fact]
    public void Gradients_DoNotDependOnTheNumberOfThreads()
    {
        using TinyModel tiny = new(lora: true);
        using ModelFiles files = tiny.Open();
        float[][] one = Gradients(files, checkpoints: true, threads: 1).Gradients, three = Gradients(files, checkpoints: true, threads: 3).Gradients;
        for (int i = 0; i < one.Length; i++)
            Assert.Equal(one[i], three[i]);
    }

    // Both may be off the exact gradient by 3e-5 of its length (docs/NUMERICS.md); the CPU is held to recorded ones. All weights as one vector: a bias
    // before a softmax has no gradient but rounding.
    [Fact]
    public void Gradients_OnCuda_AreTheCpusAndTheSameBitsEachTime()
    {
        using TinyModel tiny = new(lora: true);
        using ModelFiles files = tiny.Open();
        using CpuOps cpu = new(new CpuOptions { Threads = 2 });
        using ITensorOps cuda = BackendData.Open("cuda");
        using AdapterModel model = AdapterModel.Load(files, (IGradientOps)cuda, Settings(checkpoints: true));
        float[][] expected = GradientsOn(files, cpu), found = Accumulated(model, Batch(model));
        double off = TensorAssert.RelativeRms([.. expected.SelectMany(one => one)], [.. found.SelectMany(one => one)]);
        Assert.True(off <= 6e-5, $"relative root mean square {off:g4}, at most 6e-5.");
        Assert.Equal(found, Accumulated(model, Batch(model)));
    }

    // The plain form: the CPU's arithmetic, each result rounded as it is stored.
    [Fact]
    public void Gradients_InHalfPrecision_AreAtMostTwiceAsFarOffAsThePlainForms()
    {
        using TinyModel tiny = new(lora: true);
        using ModelFiles files = tiny.Open();
        using CpuOps cpu = new(new CpuOptions { Threads = 2 });
        using ITensorOps cuda = BackendData.Open("cuda f16");
        float[] expected = Whole(cpu);
        double plain = TensorAssert.RelativeRms(expected, Whole(new StoredOps(cpu, DType.F16)));
        double found = TensorAssert.RelativeRms(expected, Whole((IGradientOps)cuda));
        Assert.True(found <= 2 * plain && plain < 0.1, $"relative root mean square {found:g3}, of the plain form {plain:g3}.");

        float[] Whole(IGradientOps ops) => [.. GradientsOn(files, ops, LossScale.First.Value).SelectMany(gradient => gradient)];
    }

    [Fact]
    public void OnePair_IsLearnt()
    {
        using TinyModel tiny = new();
        using ModelFiles files = tiny.Open();
        using CpuOps ops = new(new CpuOptions { Threads = 2 });
        using AdapterModel model = AdapterModel.Load(files, ops, new AdapterSettings { LoraRank = 2 });
        AdapterBatch batch = Batch(model);
        GradientSums sums = new(model.Parameters);
        AdamW optimiser = new(model.Parameters);
        double first = AdapterStep.Accumulate(model, batch, sums: null).Total;
        for (int step = 0; step < 25; step++)
        {
            sums.Clear();
            AdapterStep.Accumulate(model, batch, sums);
            optimiser.Update(sums.Values, 3e-3);
            foreach (Parameter parameter in model.Parameters)
                parameter.Publish(ops);
        }

        double last = AdapterStep.Accumulate(model, batch, sums: null).Total;
        Assert.True(last < first * 0.9, $"{first:g5} became {last:g5}.");
        Assert.Equal(0, ops.LiveTensorCount);
    }

    private static (float[][] Gradients, long Peak) Gradients(ModelFiles files, bool checkpoints, int threads = 2, int side = 16)
    {
        using CpuOps ops = new(new CpuOptions { Threads = threads });
        using AdapterModel model = AdapterModel.Load(files, ops, Settings(checkpoints));
        return (Accumulated(model, Batch(model, side, side)), ops.MemoryStatistics.PeakHeldBytes);
    }

    private static AdapterSettings Settings(bool checkpoints) => new() { LoraRank = 4, LengthPenalty = 0.01, Checkpoints = checkpoints };

    private static float[][] GradientsOn(ModelFiles files, IGradientOps ops, double lossScale = 1)
    {
        using AdapterModel model = AdapterModel.Load(files, ops, Settings(checkpoints: true));
        return Accumulated(model, Batch(model), lossScale);
    }

    private static float[][] Accumulated(AdapterModel model, AdapterBatch batch, double lossScale = 1)
    {
        GradientSums sums = new(model.Parameters) { LossScale = lossScale };
        AdapterStep.Accumulate(model, batch, sums);
        Assert.All(sums.Values, gradient => Assert.Contains(gradient, value => value != 0));
        return [.. sums.Values];
    }

    private static AdapterBatch Batch(AdapterModel model, int height = 16, int width = 8)
    {
        Draw draw = new(17);
        Shape features = [2, 24, model.Embedder.Config.InputWidth], latents = [2, height, width, 4];
        return new AdapterBatch
        {
            Features = draw.Normal(features),
            FeatureShape = features,
            Latents = draw.Normal(latents),
            LatentShape = latents,
            Noise = draw.Normal(latents),
            Timesteps = [200, 700],
        };
    }
}
