using System.Globalization;
using System.Text.Json.Nodes;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.WeightsConverter.Configs;

/// <summary>What the shapes of a component's tensors tell of its configuration, under the keys of diffusers and transformers.</summary>
/// <remarks>Shapes do not tell the number of heads, the groups of norms, the activation or the scheduler's settings;
/// <see cref="UsualSettings"/> has those of the published models.</remarks>
internal static class ShapeFacts
{
    /// <summary>The facts of one component; none for the embedder, BEATs and the LoRA, which are told elsewhere or need no configuration.</summary>
    public static JsonObject Of(ModelComponent component, TensorCollection tensors)
    {
        Shapes shapes = new(tensors);
        JsonObject facts = component switch
        {
            ModelComponent.Unet => Unet(shapes),
            ModelComponent.Vae => Vae(shapes),
            ModelComponent.Text => Text(shapes),
            _ => [],
        };
        // A tensor that is missing tells nothing; loading the model names it.
        foreach (string key in facts.Where(fact => fact.Value is JsonArray { Count: 0 } || fact.Value!.ToJsonString() is "0" or "-1").Select(fact => fact.Key).ToArray())
            facts.Remove(key);
        return facts;
    }

    private static JsonObject Unet(Shapes shapes)
    {
        int levels = shapes.Count("down_blocks.{0}.resnets.0.conv1.weight");
        JsonArray channels = [], down = [], up = [];
        for (int level = 0; level < levels; level++)
        {
            channels.Add((JsonNode)shapes.Extent($"down_blocks.{level}.resnets.0.conv1.weight", 0));
            down.Add((JsonNode)(shapes.Has($"down_blocks.{level}.attentions.0.norm.weight") ? "CrossAttnDownBlock2D" : "DownBlock2D"));
            up.Add((JsonNode)(shapes.Has($"up_blocks.{level}.attentions.0.norm.weight") ? "CrossAttnUpBlock2D" : "UpBlock2D"));
        }

        const string transformer = "mid_block.attentions.0";
        return new JsonObject
        {
            ["in_channels"] = shapes.Extent("conv_in.weight", 1),
            ["out_channels"] = shapes.Extent("conv_out.weight", 0),
            ["block_out_channels"] = channels,
            ["down_block_types"] = down,
            ["up_block_types"] = up,
            ["layers_per_block"] = shapes.Count("down_blocks.0.resnets.{0}.conv1.weight"),
            ["cross_attention_dim"] = shapes.Extent($"{transformer}.transformer_blocks.0.attn2.to_k.weight", 1),
            ["use_linear_projection"] = shapes.Rank($"{transformer}.proj_in.weight") == 2,
        };
    }

    private static JsonObject Vae(Shapes shapes)
    {
        int levels = shapes.Count("decoder.up_blocks.{0}.resnets.0.conv1.weight");
        JsonArray channels = [];
        for (int level = levels - 1; level >= 0; level--)
            channels.Add((JsonNode)shapes.Extent($"decoder.up_blocks.{level}.resnets.0.conv1.weight", 0));
        return new JsonObject
        {
            ["in_channels"] = shapes.Extent("decoder.conv_out.weight", 0),
            ["out_channels"] = shapes.Extent("decoder.conv_out.weight", 0),
            ["latent_channels"] = shapes.Extent("decoder.conv_in.weight", 1),
            ["block_out_channels"] = channels,
            ["layers_per_block"] = shapes.Count("decoder.up_blocks.0.resnets.{0}.conv1.weight") - 1,
        };
    }

    private static JsonObject Text(Shapes shapes)
    {
        const string embeddings = "text_model.embeddings";
        return new JsonObject
        {
            ["hidden_size"] = shapes.Extent($"{embeddings}.token_embedding.weight", 1),
            ["vocab_size"] = shapes.Extent($"{embeddings}.token_embedding.weight", 0),
            ["max_position_embeddings"] = shapes.Extent($"{embeddings}.position_embedding.weight", 0),
            ["num_hidden_layers"] = shapes.Count("text_model.encoder.layers.{0}.mlp.fc1.weight"),
            ["intermediate_size"] = shapes.Extent("text_model.encoder.layers.0.mlp.fc1.weight", 0),
        };
    }

    private readonly struct Shapes(TensorCollection tensors)
    {
        private readonly HashSet<string> _names = [.. tensors.Names];

        public bool Has(string name) => _names.Contains(name);

        public int Rank(string name) => Of(name).Rank;

        public int Extent(string name, int axis) => Of(name) is var shape && axis < shape.Rank ? shape[axis] : 0;

        /// <summary>How many there are, counted up from 0.</summary>
        public int Count(string pattern)
        {
            int count = 0;
            while (Has(string.Format(CultureInfo.InvariantCulture, pattern, count)))
                count++;
            return count;
        }

        private Shape Of(string name) => Has(name) ? tensors.Find(name)!.Shape : default;
    }
}
