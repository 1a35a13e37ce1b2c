using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Layers;

/// <summary>Group normalisation with a scale and a shift a channel. Wu and He 2018.</summary>
public sealed class GroupNorm
{
    private readonly Weight _gamma, _beta;
    private readonly int _groups;
    private readonly float _epsilon;

    private GroupNorm(Weight gamma, Weight beta, int groups, float epsilon)
    {
        _gamma = gamma;
        _beta = beta;
        _groups = groups;
        _epsilon = epsilon;
    }

    /// <summary>Loads <c>weight</c> [channels] and <c>bias</c> [channels].</summary>
    public static GroupNorm Load(WeightPath weights, int channels, int groups, float epsilon) => new(
        weights.Load("weight", WeightRole.Vector, [channels]), weights.Load("bias", WeightRole.Vector, [channels]), groups, epsilon);

    /// <summary>Applies the layer, then the activation (none or SiLU).</summary>
    /// <param name="ops">The operations of one backend.</param>
    /// <param name="x">[B, ..., C].</param>
    /// <param name="activation">Applied to the result.</param>
    /// <param name="skip">If given, its channels follow those of <paramref name="x"/>; together they are the layer's.</param>
    /// <returns>[B, ..., channels]; the caller's scope owns it.</returns>
    public Tensor Forward(ITensorOps ops, Tensor x, Activation activation = Activation.None, Tensor skip = default) =>
        ops.GroupNorm(x, _gamma, _beta, _groups, _epsilon, activation, skip);
}
