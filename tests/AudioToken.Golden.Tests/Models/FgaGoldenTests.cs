using System.Text.Json;
using AudioToken.Models.Fga;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Golden.Tests.Models;

/// <summary>The embedder against the original (goldens b3, dropout off).</summary>
public sealed class FgaGoldenTests
{
    public static TheoryData<string, string> TinyCases => GoldenBackend.Times("tiny", "tiny_sd2");

    [Theory, MemberData(nameof(TinyCases))]
    public void Embedder_EqualsTheOriginalInsideAndOut(string name, string backend)
    {
        using GoldenFile golden = Goldens.Open("b3_fga");
        JsonElement settings = golden.Json("configs").GetProperty(name);
        GoldenBackend.Hold(backend, (ops, compare) =>
        {
            using ProbeOps probe = new(ops);
            using FgaEmbedder embedder = Load(ops, settings);

            using TensorScope scope = ops.Scope();
            float[] token = ops.Download(embedder.Forward(probe, ops.Upload(golden[$"{name}.in.x"], golden.ShapeOf($"{name}.in.x"))));

            compare(golden[$"{name}.mid.fc1"].Apply(Activation.Gelu), probe.Result("fc1"), "fc1");
            compare(golden[$"{name}.mid.fc2"], probe.Result("fc2"), "fc2");
            compare(golden[$"{name}.mid.unary"], probe.Result("fga.un_models.0.feature_reduce"), "unary");
            compare(golden[$"{name}.mid.self"], probe.Result(nameof(ITensorOps.MeanCosine)), "self");
            compare(golden[$"{name}.mid.reduce"], probe.Result("fga.reduce_potentials.0"), "reduce");
            compare(golden[$"{name}.out.token"], token, "token");
        });
    }

    // The original's dropout, which training keeps: a given mask on the unary potential's hidden layer, kept values doubled.
    [Theory, MemberData(nameof(TinyCases))]
    public void EmbedderUnderADropoutMask_EqualsTheOriginal(string name, string backend)
    {
        using GoldenFile golden = Goldens.Open("b3_fga");
        Shape shape = golden.ShapeOf($"{name}.in.dropout_mask"); // [B, D, T]
        byte[] mask = golden.File.ReadBytes($"{name}.in.dropout_mask");
        float[] factors = new float[mask.Length];
        ChannelLayout.ToChannelsLast([.. mask.Select(kept => 2f * kept)], factors, shape[1], shape[2]);
        GoldenBackend.Hold(backend, (ops, compare) =>
        {
            using FgaEmbedder embedder = Load(ops, golden.Json("configs").GetProperty(name));
            using MaskingOps masked = new(ops, "fga.un_models.0.embed.weight", factors);

            using TensorScope scope = ops.Scope();
            float[] token = ops.Download(embedder.Forward(masked, ops.Upload(golden[$"{name}.in.x"], golden.ShapeOf($"{name}.in.x"))));
            compare(golden[$"{name}.out.token_with_mask"], token, "token_with_mask");
        });
    }

    [Theory, Trait("Category", "RealSize")]
    [InlineData("real_sd1")]
    [InlineData("real_sd2")]
    public void RealEmbedder_EqualsTheOriginal(string name)
    {
        using GoldenFile golden = Goldens.Open("b3_fga_real");
        JsonElement settings = golden.Json("configs").GetProperty(name);
        Shape shape = [settings.GetProperty("batch").GetInt32(), settings.GetProperty("tokens").GetInt32(), settings.GetProperty("input_size").GetInt32()];
        using ITensorOps ops = GoldenBackend.Open(GoldenBackend.Cpu);
        using FgaEmbedder embedder = Load(ops, settings);

        using TensorScope scope = ops.Scope();
        Tensor x = ops.Upload(WeightFormula.GaussLike(settings.GetProperty("input_key").GetString()!, shape), shape);
        TensorAssert.Network(golden[$"{name}.out.token"], ops.Download(embedder.Forward(ops, x)), name);
    }

    private static FgaEmbedder Load(ITensorOps ops, JsonElement settings)
    {
        (int input, int output) = (settings.GetProperty("input_size").GetInt32(), settings.GetProperty("output_size").GetInt32());
        using FormulaCheckpoint checkpoint = new(settings.GetProperty("prefix").GetString()!, CheckpointShapes.Embedder(input, output));
        FgaEmbedder embedder = FgaEmbedder.Load(ops, checkpoint);
        Assert.Equal(new FgaConfig(input, output), embedder.Config);
        return embedder;
    }

    /// <summary>Multiplies the result of one linear layer by given factors.</summary>
    private sealed class MaskingOps(ITensorOps inner, string weightName, float[] factors) : DelegatingOps(inner)
    {
        public override Tensor Linear(Tensor x, Weight weight, in Epilogue epilogue)
        {
            Tensor result = Inner.Linear(x, weight, epilogue);
            if (weight.Name != weightName)
                return result;
            float[] values = new float[result.Shape.Count];
            Inner.Download(result, values);
            return Inner.Upload([.. values.Zip(factors, (value, factor) => value * factor)], result.Shape);
        }

        protected override void Before(string operation)
        {
        }
    }
}
