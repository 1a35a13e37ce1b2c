using AudioToken.Backends.Cpu;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Training.Tape;
using Xunit;

namespace AudioToken.Training.Tests;

/// <summary>Sums that are cut into slices give the same bits with any number of threads.</summary>
public sealed class GradientThreadsTests
{
    [Fact]
    public void Gradients_DoNotDependOnTheNumberOfThreads()
    {
        float[][] one = Gradients(1), three = Gradients(3);
        for (int i = 0; i < one.Length; i++)
            Assert.Equal(one[i], three[i]);
    }

    // A convolution over 1536 positions, a norm, an attention of 768 tokens and a layer: each is cut into more parts than there are threads.
    private static float[][] Gradients(int threads)
    {
        using CpuOps ops = new(new CpuOptions { Threads = threads });
        Draw draw = new(5);
        (WeightRole Role, Shape Shape)[] shapes =
        [
            (WeightRole.Conv2d, [36, 20, 3, 3]), (WeightRole.Vector, [36]), (WeightRole.Vector, [36]), (WeightRole.Vector, [36]), (WeightRole.Linear, [40, 36]),
        ];
        Weight[] weights = [.. shapes.Select((one, i) => ops.LoadWeight(new ArrayWeightSource($"{i}", one.Shape, draw.Uniform(one.Shape)), one.Role))];
        using GradientTape tape = new(ops, weights);
        Tensor x = tape.Upload(draw.Uniform([2, 24, 32, 20]), [2, 24, 32, 20]);
        tape.Watch(x);
        Tensor h = tape.Conv2d(x, weights[0], new(1, 1), new Epilogue(weights[1]));
        h = tape.GroupNorm(h, weights[2], weights[3], 4, 1e-5f, Activation.Silu).Reshape([2, 768, 36]);
        h = tape.Attention(h, h, h, new AttentionOptions { Heads = 2, Scale = 0.2f });
        Tensor y = tape.Linear(h, weights[4], default);
        tape.Backward(y, ops.Upload(draw.Uniform(y.Shape), y.Shape));
        float[][] gradients = [ops.Values(tape.Gradient(x)), .. weights.Select(weight => ops.Values(tape.Gradient(weight)))];
        foreach (Weight weight in weights)
            weight.Dispose();
        return gradients;
    }
}
