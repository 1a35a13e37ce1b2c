using System.Text.Json;
using AudioToken.Audio;
using AudioToken.Models.Beats;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Golden.Tests.Models;

/// <summary>BEATs against the original (goldens b2): deep-norm with gated positions, and pre-norm without gate and projection.</summary>
public sealed class BeatsGoldenTests
{
    public static TheoryData<string, string> TinyCases => GoldenBackend.Times("tiny_wav0_5s", "tiny_2x1s", "tiny2_wav1_2s");

    [Theory, MemberData(nameof(TinyCases))]
    public void Encoder_EqualsTheOriginalLayerByLayer(string name, string backend)
    {
        using GoldenFile golden = Goldens.Open("b2_beats_tiny");
        JsonElement settings = golden.Json("configs").GetProperty(name);
        BeatsConfig config = BeatsConfig.Parse(settings.GetProperty("cfg"));
        float[][] fbanks = name switch
        {
            "tiny_wav0_5s" => [Features(0, 5)],
            "tiny_2x1s" => [Features(0, 1), Features(1, 1)],
            _ => [Features(1, 2)],
        };

        using FormulaCheckpoint checkpoint = new(settings.GetProperty("prefix").GetString()!, CheckpointShapes.Beats(config));
        GoldenBackend.Hold(backend, (ops, compare) =>
        {
            using ProbeOps probe = new(ops);
            using BeatsEncoder encoder = BeatsEncoder.Load(ops, checkpoint, config);
            using TensorScope scope = ops.Scope();
            Tensor fbank = ops.Upload([.. fbanks.SelectMany(features => features)], [fbanks.Length, fbanks[0].Length / 128, 128]);
            float[] features = ops.Download(encoder.Forward(probe, fbank));

            if (golden.Has($"{name}.mid.layer_norm"))
                CompareInside(golden, $"{name}.mid.", config, probe, compare, backend);
            compare(golden[$"{name}.out.layers_sum"], features, "layers_sum");

            // The last layer's output is the last third of every row; the pre-norm form then norms what it returns beside the layers.
            float[] last = [.. features.Chunk(config.OutputWidth).SelectMany(row => row[^config.Width..])];
            if (config.PreNorm)
            {
                using Weight gamma = ops.LoadWeight(checkpoint.Find("encoder.layer_norm.weight")!, WeightRole.Vector);
                using Weight beta = ops.LoadWeight(checkpoint.Find("encoder.layer_norm.bias")!, WeightRole.Vector);
                last = ops.Download(ops.LayerNorm(ops.Upload(last, [last.Length / config.Width, config.Width]), gamma, beta, 1e-5f));
            }

            compare(golden[$"{name}.out.x"], last, "x");
        });
    }

    [Fact, Trait("Category", "RealSize")]
    public void RealEncoder_EqualsTheOriginal()
    {
        using GoldenFile golden = Goldens.Open("b2_beats_real");
        BeatsConfig config = BeatsConfig.Parse(golden.Json("config"));
        float[] fbank = Features(0, 10);
        using ITensorOps ops = GoldenBackend.Open(GoldenBackend.Cpu);
        using ProbeOps probe = new(ops, name => name == "encoder.layers.0.final_layer_norm");
        using FormulaCheckpoint checkpoint = new(golden.File.Metadata["prefix"], CheckpointShapes.Beats(config));
        using BeatsEncoder encoder = BeatsEncoder.Load(ops, checkpoint, config);
        using TensorScope scope = ops.Scope();
        float[] features = ops.Download(encoder.Forward(probe, ops.Upload(fbank, [1, fbank.Length / 128, 128])));

        TensorAssert.Network(golden["real.mid.encoder.layers.0_every8"], EveryEighth(probe.Result("encoder.layers.0.final_layer_norm"), config.Width), "layers.0");
        TensorAssert.Network(golden["real.out.layers_sum_every8"], EveryEighth(features, config.OutputWidth), "layers_sum");
    }

    private static void CompareInside(GoldenFile golden, string mid, BeatsConfig config, ProbeOps probe, GoldenBackend.Comparison compare, string backend)
    {
        compare(golden.ChannelsLast($"{mid}patch_embedding"), probe.Result("patch_embedding"), "patch_embedding");
        compare(golden[$"{mid}layer_norm"], probe.Result("layer_norm"), "layer_norm");
        if (golden.Has($"{mid}post_extract_proj"))
            compare(golden[$"{mid}post_extract_proj"], probe.Result("post_extract_proj"), "post_extract_proj");
        compare(golden.ChannelsLast($"{mid}encoder.pos_conv"), probe.Branch("encoder.pos_conv.0"), "pos_conv");
        if (!config.PreNorm) // there the norm comes after all layers and is not part of what AudioToken takes
            compare(golden[$"{mid}encoder.layer_norm"], probe.Result("encoder.layer_norm"), "encoder.layer_norm");

        float[] bias = probe.Result(nameof(ITensorOps.RelativePositionBias));
        int length = (int)Math.Sqrt(bias.Length / config.Heads);
        float[] rows = [.. bias.AsSpan(0, length), .. bias.AsSpan(60 * length, length), .. bias.AsSpan((length - 1) * length, length)];
        RoundedOps.Round(rows, BackendData.StorageOf(backend)); // the formula's are the table's own
        TensorAssert.MaxAbs(RoundedOps.Round(golden[$"{mid}position_bias_head0_rows0_60_last"], BackendData.StorageOf(backend)), rows, 0, "position bias: a table's values, moved");

        compare(golden[$"{mid}encoder.layers.0.self_attn"], probe.Branch("encoder.layers.0.self_attn.out_proj"), "self_attn");
        for (int i = 0; i < config.Layers; i++)
            compare(golden[$"{mid}encoder.layers.{i}"], probe.Result($"encoder.layers.{i}.{(config.PreNorm ? "fc2" : "final_layer_norm")}"), $"layers.{i}");
    }

    private static float[] Features(int clip, int seconds) => Fbank.Compute(RecordedClip.Samples(clip, 0, seconds));

    private static float[] EveryEighth(float[] tokens, int width) => [.. tokens.Where((_, i) => i / width % 8 == 0)];
}
