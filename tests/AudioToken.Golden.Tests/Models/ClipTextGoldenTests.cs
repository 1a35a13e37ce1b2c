using System.Text.Json;
using AudioToken.Models.Clip;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Golden.Tests.Models;

/// <summary>CLIP's text model against transformers (goldens b5), the placeholder's row among them.</summary>
public sealed class ClipTextGoldenTests
{
    private const int Placeholder = 49408;

    public static TheoryData<string, string> TinyCases => GoldenBackend.Times("tiny", "tiny_sd2", "tiny_two_placeholders");

    [Theory, MemberData(nameof(TinyCases))]
    public void TextModel_EqualsTheOriginalLayerByLayer(string name, string backend)
    {
        using GoldenFile golden = Goldens.Open("b5_clip_text");
        JsonElement settings = golden.Json("configs").GetProperty(name);
        GoldenBackend.Hold(backend, (ops, compare) =>
        {
            using ProbeOps probe = new(ops);
            (float[] last, int layers) = Encode(golden, settings, name, ops, probe);

            if (golden.Has($"{name}.mid.hidden_states.0"))
            {
                compare(golden[$"{name}.mid.hidden_states.0"], probe.Result(nameof(ITensorOps.TokenEmbedding)), "hidden_states.0");
                for (int i = 1; i <= layers; i++)
                    compare(golden[$"{name}.mid.hidden_states.{i}"], probe.Result($"text_model.encoder.layers.{i - 1}.mlp.fc2"), $"hidden_states.{i}");
            }

            compare(golden[$"{name}.out.last_hidden_state"], last, "last_hidden_state");
            ComparePooled(golden, name, last, compare);
        });
    }

    [Theory, Trait("Category", "RealSize")]
    [InlineData("sd14")]
    [InlineData("sd2_every7")]
    public void RealTextModel_EqualsTheOriginal(string name)
    {
        using GoldenFile golden = Goldens.Open("b5_clip_text_real");
        using ITensorOps ops = GoldenBackend.Open(GoldenBackend.Cpu);
        JsonElement settings = golden.Json("configs").GetProperty(name);
        (float[] last, _) = Encode(golden, settings, name, ops, ops);

        // The file keeps every n-th position.
        int stride = settings.GetProperty("token_stride").GetInt32();
        Shape kept = golden.ShapeOf($"{name}.out.last_hidden_state");
        int width = kept[2], length = (int)golden.ShapeOf($"{name}.in.input_ids")[1];
        float[] rows = new float[kept.Count];
        for (int b = 0; b < kept[0]; b++)
        {
            for (int i = 0; i < kept[1]; i++)
                last.AsSpan((b * length + i * stride) * width, width).CopyTo(rows.AsSpan((b * kept[1] + i) * width));
        }

        TensorAssert.Network(golden[$"{name}.out.last_hidden_state"], rows, name);
        ComparePooled(golden, name, last, TensorAssert.Network);
    }

    // transformers pools the row of the largest id, which is the placeholder; Stable Diffusion does not use it.
    private static void ComparePooled(GoldenFile golden, string name, float[] last, GoldenBackend.Comparison compare)
    {
        float[] ids = golden[$"{name}.in.input_ids"];
        Shape pooled = golden.ShapeOf($"{name}.out.pooled_argmax");
        int length = ids.Length / pooled[0];
        float[] rows = [.. Enumerable.Range(0, pooled[0]).SelectMany(b =>
        {
            int[] sample = [.. ids.Skip(b * length).Take(length).Select(id => (int)id)];
            return last.Skip((b * length + Array.IndexOf(sample, sample.Max())) * pooled[1]).Take(pooled[1]);
        })];
        compare(golden[$"{name}.out.pooled_argmax"], rows, "pooled_argmax");
    }

    private static (float[] Last, int Layers) Encode(GoldenFile golden, JsonElement settings, string name, ITensorOps ops, ITensorOps probe)
    {
        ClipTextConfig config = ClipTextConfig.Parse(settings.GetProperty("config"));
        using FormulaCheckpoint checkpoint = new(settings.GetProperty("prefix").GetString()!, CheckpointShapes.ClipText(config));
        using ClipTextModel model = ClipTextModel.Load(ops, checkpoint, config);
        using TensorScope scope = ops.Scope();
        Tensor ids = ops.Upload(Array.ConvertAll(golden[$"{name}.in.input_ids"], id => (int)id), golden.ShapeOf($"{name}.in.input_ids"));
        Tensor token = ops.Upload(golden[$"{name}.in.placeholder_embedding"], [1, config.Width]);
        return (ops.Download(model.Forward(probe, ids, Placeholder, token)), config.Layers);
    }
}
