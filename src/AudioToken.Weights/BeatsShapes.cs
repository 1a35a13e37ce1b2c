using System.Buffers;
using System.Text;
using System.Text.Json;
using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>The configuration of a BEATs checkpoint that lost its own on the way: what shapes tell, and for the rest the published
/// BEATs_iter3_plus_AS2M_finetuned_on_AS2M_cpt2.</summary>
/// <remarks>Shapes do not tell the norms' place (deep-norm is taken), nor the largest distance of the relative positions (800).</remarks>
public static class BeatsShapes
{
    /// <summary>The configuration as JSON, under the names of the checkpoint's <c>cfg</c>.</summary>
    public static string InferConfig(TensorCollection tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        Shape? patch = ShapeOf("patch_embedding.weight");                               // [E, 1, P, P]
        Shape? feedForward = ShapeOf("encoder.layers.0.fc1.weight");                     // [F, D]
        Shape? positions = ShapeOf("encoder.pos_conv.0.weight_v")                        // [D, D / groups, K]
            ?? ShapeOf("encoder.pos_conv.0.parametrizations.weight.original1");
        Shape? buckets = ShapeOf("encoder.layers.0.self_attn.relative_attention_bias.weight"); // [buckets, heads]
        int layers = 0;
        while (ShapeOf($"encoder.layers.{layers}.fc1.weight") is not null)
            layers++;

        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartObject();
            json.WriteNumber("input_patch_size", Extent(patch, 2, 16));
            json.WriteNumber("embed_dim", Extent(patch, 0, 512));
            json.WriteBoolean("conv_bias", ShapeOf("patch_embedding.bias") is not null);
            json.WriteNumber("encoder_layers", layers > 0 ? layers : 12);
            json.WriteNumber("encoder_embed_dim", Extent(feedForward, 1, 768));
            json.WriteNumber("encoder_ffn_embed_dim", Extent(feedForward, 0, 3072));
            json.WriteNumber("encoder_attention_heads", Extent(buckets, 1, Extent(ShapeOf("encoder.layers.0.self_attn.grep_a"), 1, 12)));
            json.WriteString("activation_fn", "gelu");
            json.WriteBoolean("layer_norm_first", false);
            json.WriteBoolean("deep_norm", true);
            json.WriteNumber("conv_pos", Extent(positions, 2, 128));
            json.WriteNumber("conv_pos_groups", positions is [int width, > 0 and int each, _] ? width / each : 16);
            json.WriteBoolean("relative_position_embedding", buckets is not null);
            json.WriteNumber("num_buckets", Extent(buckets, 0, 320));
            json.WriteNumber("max_distance", 800);
            json.WriteBoolean("gru_rel_pos", ShapeOf("encoder.layers.0.self_attn.grep_linear.weight") is not null);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);

        Shape? ShapeOf(string name) => tensors.Find(name)?.Shape;
    }

    private static int Extent(Shape? shape, int axis, int otherwise) => shape is { } known && axis < known.Rank ? known[axis] : otherwise;
}
