using AudioToken.Bench;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Weights;

namespace AudioToken.Benchmarks;

/// <summary>Writes a bundle of the size of Stable Diffusion 1.4 with formula weights: what memory and load times are measured with.</summary>
/// <remarks>The tokenizer is the goldens' small one; its ids lie within the full table.</remarks>
internal static class FormulaBundle
{
    private const string BeatsJson = """
        { "input_patch_size": 16, "embed_dim": 512, "encoder_layers": 12, "encoder_embed_dim": 768, "encoder_ffn_embed_dim": 3072,
          "encoder_attention_heads": 12, "deep_norm": true, "conv_pos": 128, "conv_pos_groups": 16, "relative_position_embedding": true,
          "num_buckets": 320, "max_distance": 800, "gru_rel_pos": true }
        """;

    private const string TextJson = """
        { "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072, "hidden_act": "quick_gelu",
          "max_position_embeddings": 77, "vocab_size": 49408, "layer_norm_eps": 1e-5 }
        """;

    private const string UnetJson = """{ "sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8 }""";

    /// <summary>Writes the file; the decoder's half of the VAE only, which is what drawing needs.</summary>
    public static void Write(string path, DType dtype)
    {
        SizedModel size = SizedModel.StableDiffusion14;
        SafetensorsWriter writer = new();
        Add(writer, ModelComponent.Beats, "beats/", CheckpointShapes.Beats(size.Beats), dtype);
        Add(writer, ModelComponent.Embedder, "embedder/", CheckpointShapes.Embedder(size.Beats.OutputWidth, size.Text.Width), dtype);
        Add(writer, ModelComponent.Text, "text_encoder/", CheckpointShapes.ClipText(size.Text), dtype);
        Add(writer, ModelComponent.Unet, "unet/", CheckpointShapes.Unet(size.Unet), dtype);
        Add(writer, ModelComponent.Vae, "vae/", CheckpointShapes.Vae(size.Vae), dtype);
        string tiny = Goldens.PathOf("tiny-hf");
        foreach (string name in ModelFiles.TokenizerFileNames.Where(name => File.Exists(Path.Combine(tiny, "tokenizer", name))))
            writer.Add(BundleFormat.TokenizerPrefix + name, File.ReadAllBytes(Path.Combine(tiny, "tokenizer", name)));
        writer.SetMetadata(BundleFormat.FormatKey, BundleFormat.Format);
        writer.SetMetadata(BundleFormat.VersionKey, BundleFormat.Version);
        writer.SetMetadata(BundleFormat.SchedulerKey, File.ReadAllText(Path.Combine(tiny, "scheduler", "scheduler_config.json")));
        writer.SetMetadata(BundleFormat.ConfigKey(ModelComponent.Beats), BeatsJson);
        writer.SetMetadata(BundleFormat.ConfigKey(ModelComponent.Text), TextJson);
        writer.SetMetadata(BundleFormat.ConfigKey(ModelComponent.Unet), UnetJson);
        writer.SetMetadata(BundleFormat.ConfigKey(ModelComponent.Vae), "{}");
        writer.SetMetadata(BundleFormat.NoteKey, "formula weights of full size, for measuring");
        writer.Save(path);
    }

    private static void Add(SafetensorsWriter writer, ModelComponent component, string prefix, IReadOnlyDictionary<string, Shape> shapes, DType dtype)
    {
        foreach ((string name, Shape shape) in shapes)
            writer.Add(WeightFormula.Source(prefix, name, shape), dtype, BundleFormat.Prefix(component) + name);
    }
}
