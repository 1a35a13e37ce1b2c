using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Layers;

/// <summary>A matrix product on the innermost axis: y = x W^T + b.</summary>
public sealed class Linear
{
    private readonly Weight _weight;
    private readonly Weight? _bias;

    private Linear(Weight weight, Weight? bias)
    {
        _weight = weight;
        _bias = bias;
    }

    /// <summary>Loads <c>weight</c> [out, in] and, if there is one, <c>bias</c> [out].</summary>
    public static Linear Load(WeightPath weights, int inChannels, int outChannels, bool bias = true) => new(
        weights.Load("weight", WeightRole.Linear, [outChannels, inChannels]),
        bias ? weights.Load("bias", WeightRole.Vector, [outChannels]) : null);

    /// <summary>Loads a product that some files hold as a convolution with a window of one: <c>weight</c> may also be [out, in, 1] or
    /// [out, in, 1, 1], the same numbers in the same order.</summary>
    public static Linear LoadPointwise(WeightPath weights, int inChannels, int outChannels, bool bias = true) => new(
        weights.Load("weight", WeightRole.Linear, [outChannels, inChannels], [outChannels, inChannels, 1], [outChannels, inChannels, 1, 1]),
        bias ? weights.Load("bias", WeightRole.Vector, [outChannels]) : null);

    /// <summary>The layer as operations on several take it.</summary>
    internal Projection Projection => new(_weight, _bias);

    /// <summary>Applies the layer.</summary>
    /// <param name="ops">The operations of one backend.</param>
    /// <param name="x">[..., in].</param>
    /// <param name="epilogue">What else happens to the sums; its bias is the layer's.</param>
    /// <returns>[..., out], or [..., out / 2] after GEGLU; the caller's scope owns it.</returns>
    public Tensor Forward(ITensorOps ops, Tensor x, in Epilogue epilogue = default) => ops.Linear(x, _weight, epilogue with { Bias = _bias });
}
