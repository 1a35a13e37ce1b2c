using System.Text.Json;
using AudioToken.Tensors;

namespace AudioToken.Models.Clip;

/// <summary>Architecture of a CLIP text model, from <c>text_encoder/config.json</c>.</summary>
/// <remarks>Defaults are those of transformers' CLIPTextConfig, for settings on which a file is silent.</remarks>
public sealed record ClipTextConfig
{
    /// <summary>Channels of a token (<c>hidden_size</c>): 768 for SD 1.x, 1024 for SD 2.x.</summary>
    public int Width { get; init; } = 512;

    /// <summary>Number of layers (<c>num_hidden_layers</c>).</summary>
    public int Layers { get; init; } = 12;

    /// <summary>Attention heads (<c>num_attention_heads</c>).</summary>
    public int Heads { get; init; } = 8;

    /// <summary>Channels inside the feed-forward network (<c>intermediate_size</c>).</summary>
    public int FeedForwardWidth { get; init; } = 2048;

    /// <summary>Its function (<c>hidden_act</c>): quick_gelu for SD 1.x, gelu for SD 2.x.</summary>
    public Activation Activation { get; init; } = Activation.QuickGelu;

    /// <summary>Epsilon of the norms (<c>layer_norm_eps</c>).</summary>
    public float NormEpsilon { get; init; } = 1e-5f;

    /// <summary>The longest sequence (<c>max_position_embeddings</c>).</summary>
    public int MaxPositions { get; init; } = 77;

    /// <summary>Rows of the token table as the file says (<c>vocab_size</c>); the model goes by the tensor, since files saved with an
    /// added token have one more.</summary>
    public int VocabularySize { get; init; } = 49408;

    /// <summary>Reads <c>config.json</c>.</summary>
    /// <exception cref="ModelConfigException">A setting is malformed or asks for what is not supported.</exception>
    public static ClipTextConfig Parse(JsonElement json)
    {
        ConfigReader read = new("text encoder config", json);
        ClipTextConfig config = new();
        config = config with
        {
            Width = read.Int("hidden_size", config.Width),
            Layers = read.Int("num_hidden_layers", config.Layers, max: 1024),
            Heads = read.Int("num_attention_heads", config.Heads),
            FeedForwardWidth = read.Int("intermediate_size", config.FeedForwardWidth),
            Activation = read.Name("hidden_act", "quick_gelu", "quick_gelu", "gelu") == "gelu" ? Activation.Gelu : Activation.QuickGelu,
            NormEpsilon = (float)read.Number("layer_norm_eps", config.NormEpsilon),
            MaxPositions = read.Int("max_position_embeddings", config.MaxPositions),
            VocabularySize = read.Int("vocab_size", config.VocabularySize, max: 1 << 24),
        };
        return config.Width % config.Heads == 0
            ? config
            : throw read.Unsupported("num_attention_heads", $"a divisor of hidden_size, {config.Width}");
    }
}
