using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests;

/// <summary>The specification's tiny embedder: products, activations, cosine and pooling in a row, against its table.</summary>
public sealed class EmbedderTests
{
    public static TheoryData<string> Implementations => new(["reference", .. BackendData.Names]);

    [Theory]
    [MemberData(nameof(Implementations))]
    public void Embedder_GivesTheKnownAnswers(string implementation)
    {
        using ITensorOps ops = implementation == "reference" ? new ReferenceOps() : BackendData.Open(implementation);
        using TensorScope scope = ops.Scope();
        int k = 0;
        Weight Next(WeightRole role, Shape shape)
        {
            float[] values = new float[shape.Count];
            for (int i = 0; i < values.Length; i++)
                values[i] = (float)(0.5 * Math.Sin((1.7 * k++) + 0.3));
            return ops.LoadWeight(new ArrayWeightSource("w", shape, values), role);
        }

        (Weight Weight, Weight Bias) Layer(int outputs, int inputs) => (Next(WeightRole.Linear, [outputs, inputs]), Next(WeightRole.Vector, [outputs]));
        var (fc1, fc2, embed, reduce, left, right) = (Layer(6, 6), Layer(4, 6), Layer(4, 4), Layer(1, 4), Layer(4, 4), Layer(4, 4));
        using Weight share = Next(WeightRole.Linear, [1, 2]);
        Assert.Equal(137, k);
        float[] a = [.. Enumerable.Range(0, 18).Select(i => (float)Math.Cos(0.9 * i))];

        Tensor Apply((Weight Weight, Weight Bias) layer, Tensor x, Activation activation = Activation.None) =>
            ops.Linear(x, layer.Weight, new Epilogue(layer.Bias) { Activation = activation });
        Tensor tokens = Apply(fc2, Apply(fc1, ops.Upload(a, [1, 3, 6]), Activation.Gelu));
        Tensor unary = Apply(reduce, Apply(embed, tokens, Activation.Relu));
        Tensor cosine = ops.MeanCosine(Apply(left, tokens), Apply(right, tokens));
        Tensor pooled = ops.AttentionPool(tokens, ops.Linear(ops.Concat([unary, cosine]), share, default));

        Near([-0.543274, 0.461190, 0.406886, -0.847801], ops.Values(tokens)[..4]);
        Near([0.381388, 0.377303, 0.356419], ops.Values(unary));
        Near([-0.872060, -0.882690, -0.904968], ops.Values(cosine));
        Near([-0.5809880, 0.5866282, 0.2654085, -0.7711338], ops.Values(pooled));
        foreach ((Weight weight, Weight bias) in new[] { fc1, fc2, embed, reduce, left, right })
        {
            weight.Dispose();
            bias.Dispose();
        }
    }

    // Six digits are given; some twenty fp32 roundings of numbers below 1 lie behind each.
    private static void Near(double[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 0.5e-6 + Tolerance.Chain(20, 1));
    }
}
