using AudioToken.Models.Layers;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Fga;

/// <summary>AudioToken's embedder: an MLP on each token, then factor graph attention pools the tokens into one.</summary>
/// <remarks>Yariv et al. 2023; attention: Schwartz et al. 2019, "Factor Graph Attention", with a unary and a self potential. The original leaves a
/// dropout on at inference, so that its results vary from run to run; here it is off: the same sound gives the same token.</remarks>
public sealed class FgaEmbedder : IDisposable
{
    private readonly WeightStore _weights;
    private readonly Linear _fc1, _fc2;
    private readonly Linear _unaryEmbed, _unaryReduce;
    private readonly Linear _selfX, _selfY;
    private readonly Linear _reducePotentials;

    private FgaEmbedder(WeightStore store, FgaConfig config)
    {
        _weights = store;
        Config = config;
        WeightPath weights = store.Root, fga = weights / "fga", unary = fga / "un_models" / 0, self = fga / "pp_models" / 0;
        (int input, int output) = config;
        _fc1 = Linear.Load(weights / "fc1", input, input);
        _fc2 = Linear.Load(weights / "fc2", input, output);
        _unaryEmbed = Linear.LoadPointwise(unary / "embed", output, output);
        _unaryReduce = Linear.LoadPointwise(unary / "feature_reduce", output, 1);
        _selfX = Linear.LoadPointwise(self / "embed_X", output, output);
        _selfY = Linear.LoadPointwise(self / "embed_Y", output, output);
        _reducePotentials = Linear.LoadPointwise(fga / "reduce_potentials" / 0, 2, 1, bias: false);
    }

    /// <summary>The widths.</summary>
    public FgaConfig Config { get; }

    /// <summary>Loads an embedder.</summary>
    /// <param name="ops">The backend on which the weights shall lie.</param>
    /// <param name="tensors">The 13 tensors of <c>embedder_learned_embeds.bin</c>; the collection stays the caller's.</param>
    /// <exception cref="ModelConfigException">The widths cannot be read off.</exception>
    /// <exception cref="WeightException">Tensors are missing, misshapen or unused.</exception>
    public static FgaEmbedder Load(ITensorOps ops, TensorCollection tensors)
    {
        FgaConfig config = FgaConfig.Infer(tensors);
        return ModelLoader.Load(ops, tensors, store => new FgaEmbedder(store, config));
    }

    /// <summary>Makes the audio token.</summary>
    /// <param name="ops">The operations of the backend that holds the weights.</param>
    /// <param name="features">Audio features, [B, L, input width].</param>
    /// <returns>[B, output width]; the caller's scope owns it.</returns>
    public Tensor Forward(ITensorOps ops, Tensor features)
    {
        using TensorScope scope = ops.Scope();
        Tensor h = _fc1.Forward(ops, features, new() { Activation = Activation.Gelu });       // [B, L, input]
        Tensor utility = scope.Swap(h, _fc2.Forward(ops, h));                                 // [B, L, D]

        // Unary potential: how much a token matters by itself.
        Tensor e = _unaryEmbed.Forward(ops, utility, new() { Activation = Activation.Relu }); // [B, L, D]
        Tensor unary = scope.Swap(e, _unaryReduce.Forward(ops, e));                           // [B, L, 1]

        // Self potential: how well it agrees with all tokens.
        Tensor self = ops.MeanCosine(_selfX.Forward(ops, utility), _selfY.Forward(ops, utility)); // [B, L, 1]

        Tensor scores = _reducePotentials.Forward(ops, ops.Concat([unary, self]));            // [B, L, 1]
        return scope.Keep(ops.AttentionPool(utility, scores));                                // [B, D]
    }

    /// <summary>Frees the weights.</summary>
    public void Dispose() => _weights.Dispose();
}
