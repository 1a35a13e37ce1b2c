using AudioToken.Models.Beats;
using AudioToken.Models.Clip;
using AudioToken.Models.Unet;
using AudioToken.Models.Vae;
using AudioToken.Tensors;

namespace AudioToken.Bench.Synthetic;

/// <summary>Names and shapes of the tensors in published checkpoints, written from the file formats and not from our models.</summary>
public static class CheckpointShapes
{
    /// <summary>A BEATs encoder, without the classifier of fine-tuned files.</summary>
    public static IReadOnlyDictionary<string, Shape> Beats(BeatsConfig config)
    {
        Table table = new();
        int width = config.Width, headWidth = width / config.Heads;
        table.Add("patch_embedding.weight", [config.EmbedWidth, 1, 16, 16]);
        if (config.PatchBias)
            table.Add("patch_embedding.bias", [config.EmbedWidth]);
        table.Norm("layer_norm", config.EmbedWidth);
        if (config.EmbedWidth != width)
            table.Linear("post_extract_proj", config.EmbedWidth, width);
        table.Add("encoder.pos_conv.0.weight_g", [1, 1, config.PositionKernel]);
        table.Add("encoder.pos_conv.0.weight_v", [width, width / config.PositionGroups, config.PositionKernel]);
        table.Add("encoder.pos_conv.0.bias", [width]);
        table.Norm("encoder.layer_norm", width);
        for (int i = 0; i < config.Layers; i++)
        {
            string layer = $"encoder.layers.{i}";
            foreach (string projection in (string[])["q_proj", "k_proj", "v_proj", "out_proj"])
                table.Linear($"{layer}.self_attn.{projection}", width, width);
            if (config.GatedPositions)
            {
                table.Linear($"{layer}.self_attn.grep_linear", headWidth, 8);
                table.Add($"{layer}.self_attn.grep_a", [1, config.Heads, 1, 1]);
            }

            if (config.RelativePositions)
                table.Add($"{layer}.self_attn.relative_attention_bias.weight", [config.Buckets, config.Heads]);
            table.Norm($"{layer}.self_attn_layer_norm", width);
            table.Linear($"{layer}.fc1", width, config.FeedForwardWidth);
            table.Linear($"{layer}.fc2", config.FeedForwardWidth, width);
            table.Norm($"{layer}.final_layer_norm", width);
        }

        return table.Shapes;
    }

    /// <summary>AudioToken's embedder.</summary>
    public static IReadOnlyDictionary<string, Shape> Embedder(int input, int output)
    {
        Table table = new();
        table.Linear("fc1", input, input);
        table.Linear("fc2", input, output);
        table.Pointwise("fga.un_models.0.embed", output, output);
        table.Pointwise("fga.un_models.0.feature_reduce", output, 1);
        table.Pointwise("fga.pp_models.0.embed_X", output, output);
        table.Pointwise("fga.pp_models.0.embed_Y", output, output);
        table.Add("fga.reduce_potentials.0.weight", [1, 2, 1]);
        return table.Shapes;
    }

    /// <summary>A CLIP text model as transformers stores it, without <c>position_ids</c>.</summary>
    public static IReadOnlyDictionary<string, Shape> ClipText(ClipTextConfig config)
    {
        Table table = new();
        int width = config.Width;
        table.Add("text_model.embeddings.token_embedding.weight", [config.VocabularySize, width]);
        table.Add("text_model.embeddings.position_embedding.weight", [config.MaxPositions, width]);
        for (int i = 0; i < config.Layers; i++)
        {
            string layer = $"text_model.encoder.layers.{i}";
            foreach (string projection in (string[])["q_proj", "k_proj", "v_proj", "out_proj"])
                table.Linear($"{layer}.self_attn.{projection}", width, width);
            table.Norm($"{layer}.layer_norm1", width);
            table.Linear($"{layer}.mlp.fc1", width, config.FeedForwardWidth);
            table.Linear($"{layer}.mlp.fc2", config.FeedForwardWidth, width);
            table.Norm($"{layer}.layer_norm2", width);
        }

        table.Norm("text_model.final_layer_norm", width);
        return table.Shapes;
    }

    /// <summary>A UNet as diffusers stores it.</summary>
    /// <param name="config">The architecture.</param>
    /// <param name="linearProjection">SD 2.x: the transformers' outer projections are [C, C], not [C, C, 1, 1].</param>
    public static IReadOnlyDictionary<string, Shape> Unet(UnetConfig config, bool linearProjection = false)
    {
        Table table = new();
        int levels = config.Levels, finest = config.Channels[0], time = config.TimeChannels;
        table.Conv("conv_in", config.InChannels, finest, 3);
        table.Linear("time_embedding.linear_1", finest, time);
        table.Linear("time_embedding.linear_2", time, time);

        List<int> skips = [finest];
        int now = finest;
        for (int level = 0; level < levels; level++)
        {
            int channels = config.Channels[level];
            for (int j = 0; j < config.LayersPerBlock; j++)
            {
                table.Resnet($"down_blocks.{level}.resnets.{j}", j == 0 ? now : channels, channels, time);
                if (config.DownAttention[level])
                    table.Transformer($"down_blocks.{level}.attentions.{j}", channels, config.ContextWidth, linearProjection);
                skips.Add(channels);
            }

            if (level < levels - 1)
            {
                table.Conv($"down_blocks.{level}.downsamplers.0.conv", channels, channels, 3);
                skips.Add(channels);
            }

            now = channels;
        }

        table.Resnet("mid_block.resnets.0", now, now, time);
        table.Transformer("mid_block.attentions.0", now, config.ContextWidth, linearProjection);
        table.Resnet("mid_block.resnets.1", now, now, time);

        for (int i = 0; i < levels; i++)
        {
            int level = levels - 1 - i, channels = config.Channels[level];
            for (int j = 0; j <= config.LayersPerBlock; j++)
            {
                table.Resnet($"up_blocks.{i}.resnets.{j}", now + skips[^1], channels, time);
                skips.RemoveAt(skips.Count - 1);
                if (config.UpAttention[level])
                    table.Transformer($"up_blocks.{i}.attentions.{j}", channels, config.ContextWidth, linearProjection);
                now = channels;
            }

            if (level > 0)
                table.Conv($"up_blocks.{i}.upsamplers.0.conv", channels, channels, 3);
        }

        table.Norm("conv_norm_out", finest);
        table.Conv("conv_out", finest, config.OutChannels, 3);
        return table.Shapes;
    }

    /// <summary>A LoRA of a UNet's attention as AudioToken's training stores it.</summary>
    public static IReadOnlyDictionary<string, Shape> Lora(UnetConfig config, int rank)
    {
        Table table = new();
        const string toQuery = ".to_q.weight";
        IReadOnlyDictionary<string, Shape> unet = Unet(config);
        foreach (string name in unet.Keys.Where(name => name.EndsWith(toQuery, StringComparison.Ordinal)))
        {
            string attention = name[..^toQuery.Length];
            foreach ((string own, string target) in ((string, string)[])[("to_q", "to_q"), ("to_k", "to_k"), ("to_v", "to_v"), ("to_out", "to_out.0")])
            {
                Shape weight = unet[$"{attention}.{target}.weight"];
                table.Add($"{attention}.processor.{own}_lora.down.weight", [rank, weight[1]]);
                table.Add($"{attention}.processor.{own}_lora.up.weight", [weight[0], rank]);
            }
        }

        return table.Shapes;
    }

    /// <summary>An autoencoder as diffusers stores it, both halves.</summary>
    /// <param name="config">The architecture.</param>
    /// <param name="newAttentionNames">Names since diffusers 0.18 (<c>to_q</c>) in place of those of the published SD files (<c>query</c>).</param>
    public static IReadOnlyDictionary<string, Shape> Vae(VaeConfig config, bool newAttentionNames = false)
    {
        Table table = new();
        int finest = config.Channels[0], coarsest = config.Channels[^1], latent = config.LatentChannels;

        table.Conv("encoder.conv_in", config.ImageChannels, finest, 3);
        for (int level = 0; level < config.Levels; level++)
        {
            int channels = config.Channels[level];
            for (int j = 0; j < config.LayersPerBlock; j++)
                table.Resnet($"encoder.down_blocks.{level}.resnets.{j}", j == 0 && level > 0 ? config.Channels[level - 1] : channels, channels);
            if (level < config.Levels - 1)
                table.Conv($"encoder.down_blocks.{level}.downsamplers.0.conv", channels, channels, 3);
        }

        Middle("encoder");
        table.Norm("encoder.conv_norm_out", coarsest);
        table.Conv("encoder.conv_out", coarsest, 2 * latent, 3);

        table.Conv("decoder.conv_in", latent, coarsest, 3);
        Middle("decoder");
        int now = coarsest;
        for (int i = 0; i < config.Levels; i++)
        {
            int level = config.Levels - 1 - i, channels = config.Channels[level];
            for (int j = 0; j <= config.LayersPerBlock; j++)
            {
                table.Resnet($"decoder.up_blocks.{i}.resnets.{j}", now, channels);
                now = channels;
            }

            if (level > 0)
                table.Conv($"decoder.up_blocks.{i}.upsamplers.0.conv", channels, channels, 3);
        }

        table.Norm("decoder.conv_norm_out", finest);
        table.Conv("decoder.conv_out", finest, config.ImageChannels, 3);

        table.Conv("quant_conv", 2 * latent, 2 * latent, 1);
        table.Conv("post_quant_conv", latent, latent, 1);
        return table.Shapes;

        void Middle(string half)
        {
            table.Resnet($"{half}.mid_block.resnets.0", coarsest, coarsest);
            table.Norm($"{half}.mid_block.attentions.0.group_norm", coarsest);
            foreach (string projection in newAttentionNames ? (string[])["to_q", "to_k", "to_v", "to_out.0"] : ["query", "key", "value", "proj_attn"])
                table.Linear($"{half}.mid_block.attentions.0.{projection}", coarsest, coarsest);
            table.Resnet($"{half}.mid_block.resnets.1", coarsest, coarsest);
        }
    }

    private sealed class Table
    {
        public Dictionary<string, Shape> Shapes { get; } = [];

        public void Add(string name, Shape shape) => Shapes.Add(name, shape);

        public void Norm(string name, int channels)
        {
            Add($"{name}.weight", [channels]);
            Add($"{name}.bias", [channels]);
        }

        public void Linear(string name, int inChannels, int outChannels, bool bias = true)
        {
            Add($"{name}.weight", [outChannels, inChannels]);
            if (bias)
                Add($"{name}.bias", [outChannels]);
        }

        public void Pointwise(string name, int inChannels, int outChannels)
        {
            Add($"{name}.weight", [outChannels, inChannels, 1]);
            Add($"{name}.bias", [outChannels]);
        }

        public void Conv(string name, int inChannels, int outChannels, int kernel)
        {
            Add($"{name}.weight", [outChannels, inChannels, kernel, kernel]);
            Add($"{name}.bias", [outChannels]);
        }

        public void Resnet(string name, int inChannels, int outChannels, int timeChannels = 0)
        {
            Norm($"{name}.norm1", inChannels);
            Conv($"{name}.conv1", inChannels, outChannels, 3);
            if (timeChannels > 0)
                Linear($"{name}.time_emb_proj", timeChannels, outChannels);
            Norm($"{name}.norm2", outChannels);
            Conv($"{name}.conv2", outChannels, outChannels, 3);
            if (inChannels != outChannels)
                Conv($"{name}.conv_shortcut", inChannels, outChannels, 1);
        }

        public void Transformer(string name, int channels, int contextWidth, bool linearProjection)
        {
            string block = $"{name}.transformer_blocks.0";
            Norm($"{name}.norm", channels);
            foreach (string projection in (string[])["proj_in", "proj_out"])
            {
                if (linearProjection)
                    Linear($"{name}.{projection}", channels, channels);
                else
                    Conv($"{name}.{projection}", channels, channels, 1);
            }

            foreach (string norm in (string[])["norm1", "norm2", "norm3"])
                Norm($"{block}.{norm}", channels);
            foreach ((string attention, int width) in ((string, int)[])[("attn1", channels), ("attn2", contextWidth)])
            {
                Linear($"{block}.{attention}.to_q", channels, channels, bias: false);
                Linear($"{block}.{attention}.to_k", width, channels, bias: false);
                Linear($"{block}.{attention}.to_v", width, channels, bias: false);
                Linear($"{block}.{attention}.to_out.0", channels, channels);
            }

            Linear($"{block}.ff.net.0.proj", channels, 8 * channels);
            Linear($"{block}.ff.net.2", 4 * channels, channels);
        }
    }
}
