using AudioToken.Models.Layers;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Clip;

/// <summary>CLIP's text model as Stable Diffusion uses it: every position after the last norm, causal mask, no padding mask.</summary>
/// <remarks>Radford et al. 2021. Where a placeholder stands in the prompt, its audio token takes the place of its embedding.</remarks>
public sealed class ClipTextModel : IDisposable
{
    /// <summary>Name of the table of token embeddings in a checkpoint.</summary>
    public const string TokenTable = "text_model.embeddings.token_embedding.weight";

    private readonly WeightStore _weights;
    private readonly Weight _tokens, _positions;
    private readonly ClipTextLayer[] _layers;
    private readonly LayerNorm _finalNorm;

    private ClipTextModel(WeightStore store, ClipTextConfig config)
    {
        _weights = store;
        Config = config;
        WeightPath model = store.Root / "text_model", embeddings = model / "embeddings";
        _tokens = (embeddings / "token_embedding").Load("weight", WeightRole.Table, [config.VocabularySize, config.Width]);
        _positions = (embeddings / "position_embedding").Load("weight", WeightRole.Table, [config.MaxPositions, config.Width]);
        embeddings.Ignore("position_ids"); // 0, 1, 2, ... in older files
        _layers = new ClipTextLayer[config.Layers];
        for (int i = 0; i < _layers.Length; i++)
            _layers[i] = new ClipTextLayer(model / "encoder" / "layers" / i, config);
        _finalNorm = LayerNorm.Load(model / "final_layer_norm", config.Width, config.NormEpsilon);
    }

    /// <summary>The architecture; its vocabulary is that of the loaded table.</summary>
    public ClipTextConfig Config { get; }

    /// <summary>Loads a text model; <c>position_ids</c> may be there and is not used.</summary>
    /// <param name="ops">The backend on which the weights shall lie.</param>
    /// <param name="tensors">Tensors under transformers' names (<c>text_model....</c>); stays the caller's.</param>
    /// <param name="config">Its architecture.</param>
    /// <exception cref="WeightException">Tensors are missing, misshapen or unused.</exception>
    public static ClipTextModel Load(ITensorOps ops, TensorCollection tensors, ClipTextConfig config)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        if (tensors.Find(TokenTable) is { Shape.Rank: 2 } table)
            config = config with { VocabularySize = table.Shape[0] };
        return ModelLoader.Load(ops, tensors, store => new ClipTextModel(store, config));
    }

    /// <summary>Encodes prompts.</summary>
    /// <param name="ops">The operations of the backend that holds the weights.</param>
    /// <param name="ids">Token ids, I32 [B, L], L at most 77; each is in the table or the placeholder.</param>
    /// <param name="placeholderId">The id whose embedding the first audio token replaces, wherever it stands; the next ids stand for the next tokens. -1 for none.</param>
    /// <param name="audioToken">[B, P, D], or [1, P, D] for all prompts alike; without P for one token. May be absent if no id is a placeholder.</param>
    /// <returns>Last hidden state after the final norm, [B, L, D]; the caller's scope owns it.</returns>
    public Tensor Forward(ITensorOps ops, Tensor ids, int placeholderId = -1, Tensor audioToken = default)
    {
        using TensorScope scope = ops.Scope();
        Tensor x = ops.TokenEmbedding(ids, _tokens, _positions, placeholderId, audioToken); // [B, L, D]
        foreach (ClipTextLayer layer in _layers)
            x = scope.Swap(x, layer.Forward(ops, x));
        return scope.Keep(_finalNorm.Forward(ops, x));
    }

    /// <summary>Frees the weights.</summary>
    public void Dispose() => _weights.Dispose();
}
