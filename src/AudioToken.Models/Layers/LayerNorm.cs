using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Layers;

/// <summary>Normalisation of each row with a scale and a shift a channel. Ba, Kiros and Hinton 2016.</summary>
public sealed class LayerNorm
{
    private readonly Weight _gamma, _beta;
    private readonly float _epsilon;

    private LayerNorm(Weight gamma, Weight beta, float epsilon)
    {
        _gamma = gamma;
        _beta = beta;
        _epsilon = epsilon;
    }

    /// <summary>Loads <c>weight</c> [channels] and <c>bias</c> [channels].</summary>
    public static LayerNorm Load(WeightPath weights, int channels, float epsilon = 1e-5f) => new(
        weights.Load("weight", WeightRole.Vector, [channels]), weights.Load("bias", WeightRole.Vector, [channels]), epsilon);

    /// <summary>Applies the layer to [..., channels].</summary>
    public Tensor Forward(ITensorOps ops, Tensor x) => ops.LayerNorm(x, _gamma, _beta, _epsilon);
}
