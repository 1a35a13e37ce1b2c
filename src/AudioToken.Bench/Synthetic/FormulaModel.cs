using System.Globalization;
using System.Text;
using AudioToken.Models.Beats;
using AudioToken.Models.Clip;
using AudioToken.Models.Unet;
using AudioToken.Models.Vae;
using AudioToken.Weights;

namespace AudioToken.Bench.Synthetic;

/// <summary>A whole model that does not exist: formula weights, a scheduler, and a tokenizer of the right size that knows no words.</summary>
public sealed class FormulaModel(SizedModel size) : ModelFiles(size.Name, new ModelFilesOptions())
{
    // 256 bytes, within a word and at its end, and the marks of begin and end: what a byte-pair vocabulary has beside its merges.
    private const int Bytes = 256, Marks = 2;

    private static readonly IReadOnlyDictionary<ModelComponent, string> s_prefixes = new Dictionary<ModelComponent, string>
    {
        [ModelComponent.Beats] = "beats/",
        [ModelComponent.Embedder] = "embedder/",
        [ModelComponent.Text] = "text_encoder/",
        [ModelComponent.Unet] = "unet/",
        [ModelComponent.Vae] = "vae/",
    };

    /// <inheritdoc/>
    /// <remarks>That of Stable Diffusion 1.4.</remarks>
    public override string SchedulerConfigJson =>
        """
        { "_class_name": "PNDMScheduler", "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
          "steps_offset": 1, "skip_prk_steps": true, "set_alpha_to_one": false }
        """;

    /// <inheritdoc/>
    public override byte[]? FindTokenizerFile(string name) => name == "merges.txt" ? Merges(size.Text.VocabularySize - 2 * Bytes - Marks) : null;

    /// <inheritdoc/>
    protected override bool HasOwn(ModelComponent component) => s_prefixes.ContainsKey(component);

    /// <inheritdoc/>
    protected override TensorCollection OpenOwn(ModelComponent component) => new FormulaCheckpoint(s_prefixes[component], component switch
    {
        ModelComponent.Beats => CheckpointShapes.Beats(size.Beats),
        ModelComponent.Embedder => CheckpointShapes.Embedder(size.Beats.OutputWidth, size.Text.Width),
        ModelComponent.Text => CheckpointShapes.ClipText(size.Text),
        ModelComponent.Unet => CheckpointShapes.Unet(size.Unet),
        _ => CheckpointShapes.Vae(size.Vae),
    });

    /// <inheritdoc/>
    protected override string OwnConfigJson(ModelComponent component) => component switch
    {
        ModelComponent.Beats => Json(size.Beats),
        ModelComponent.Text => Json(size.Text),
        ModelComponent.Unet => Json(size.Unet),
        _ => Json(size.Vae),
    };

    /// <inheritdoc/>
    protected override IEnumerable<(string Path, string Name)> SourcePaths() => [];

    // As many merges as are wanted, each of two bytes.
    private static byte[] Merges(int count)
    {
        string[] symbols = [.. Enumerable.Range('!', 94).Concat(Enumerable.Range(0xA1, 12)).Concat(Enumerable.Range(0xAE, 82)).Select(code => ((char)code).ToString())];
        StringBuilder text = new("#version: 0.2\n");
        IEnumerable<string> pairs = from ending in (string[])["", "</w>"] from left in symbols from right in symbols select $"{left} {right}{ending}\n";
        foreach (string pair in pairs.Take(count))
            text.Append(pair);
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private static string Json(BeatsConfig c) => string.Create(CultureInfo.InvariantCulture, $$"""
        { "input_patch_size": 16, "embed_dim": {{c.EmbedWidth}}, "conv_bias": {{Word(c.PatchBias)}}, "encoder_layers": {{c.Layers}}, "encoder_embed_dim": {{c.Width}},
          "encoder_ffn_embed_dim": {{c.FeedForwardWidth}}, "encoder_attention_heads": {{c.Heads}}, "conv_pos": {{c.PositionKernel}}, "conv_pos_groups": {{c.PositionGroups}},
          "layer_norm_first": {{Word(c.PreNorm)}}, "deep_norm": {{Word(c.DeepNorm)}}, "relative_position_embedding": {{Word(c.RelativePositions)}},
          "num_buckets": {{c.Buckets}}, "max_distance": {{c.MaxDistance}}, "gru_rel_pos": {{Word(c.GatedPositions)}} }
        """);

    private static string Json(ClipTextConfig c) => string.Create(CultureInfo.InvariantCulture, $$"""
        { "hidden_size": {{c.Width}}, "num_hidden_layers": {{c.Layers}}, "num_attention_heads": {{c.Heads}}, "intermediate_size": {{c.FeedForwardWidth}},
          "max_position_embeddings": {{c.MaxPositions}}, "vocab_size": {{c.VocabularySize}} }
        """);

    private static string Json(UnetConfig c) => string.Create(CultureInfo.InvariantCulture, $$"""
        { "sample_size": {{c.SampleSize}}, "block_out_channels": [{{List(c.Channels)}}], "attention_head_dim": [{{List(c.Heads)}}],
          "down_block_types": [{{Blocks(c.DownAttention, "DownBlock2D")}}], "up_block_types": [{{Blocks(c.UpAttention.Reverse(), "UpBlock2D")}}],
          "layers_per_block": {{c.LayersPerBlock}}, "cross_attention_dim": {{c.ContextWidth}}, "norm_num_groups": {{c.NormGroups}} }
        """);

    private static string Json(VaeConfig c) => string.Create(CultureInfo.InvariantCulture, $$"""
        { "block_out_channels": [{{List(c.Channels)}}], "down_block_types": [{{Blocks(c.Channels.Select(_ => false), "DownEncoderBlock2D")}}],
          "up_block_types": [{{Blocks(c.Channels.Select(_ => false), "UpDecoderBlock2D")}}],
          "layers_per_block": {{c.LayersPerBlock}}, "norm_num_groups": {{c.NormGroups}}, "scaling_factor": {{c.ScalingFactor}} }
        """);

    private static string Word(bool value) => value ? "true" : "false";

    private static string List(IEnumerable<int> values) => string.Join(", ", values.Select(value => value.ToString(CultureInfo.InvariantCulture)));

    private static string Blocks(IEnumerable<bool> attention, string name) => string.Join(", ", attention.Select(with => $"\"{(with ? "CrossAttn" : "")}{name}\""));
}
