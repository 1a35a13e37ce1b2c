using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Layers;

/// <summary>Group normalisation with a scale and a shift a channel. Wu and He 2018.</summary>
public sealed class GroupNorm
{
    private readonly Weight _gamma, _beta;
    private readonly float[]? _gammas, _betas; // the same on the host
    private readonly int _groups;
    private readonly float _epsilon;

    private GroupNorm(WeightPath weights, int channels, int groups, float epsilon, bool strips)
    {
        WeightSource gamma = weights.Source("weight", [channels]), beta = weights.Source("bias", [channels]);
        _gamma = weights.Load(gamma, WeightRole.Vector);
        _beta = weights.Load(beta, WeightRole.Vector);
        if (strips)
            (_gammas, _betas) = (gamma.ReadAll(), beta.ReadAll());
        _groups = groups;
        _epsilon = epsilon;
    }

    /// <summary>Loads <c>weight</c> [channels] and <c>bias</c> [channels].</summary>
    /// <param name="weights">The layer's place in the checkpoint.</param>
    /// <param name="channels">Channels of the input.</param>
    /// <param name="groups">Divides the channels.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="strips">Whether <see cref="ForwardStrip"/> shall work; costs two values a channel on the host.</param>
    public static GroupNorm Load(WeightPath weights, int channels, int groups, float epsilon, bool strips = false) => new(weights, channels, groups, epsilon, strips);

    /// <summary>Applies the layer, then the activation (none or SiLU).</summary>
    /// <param name="ops">The operations of one backend.</param>
    /// <param name="x">[B, ..., C].</param>
    /// <param name="activation">Applied to the result.</param>
    /// <param name="skip">If given, its channels follow those of <paramref name="x"/>; together they are the layer's.</param>
    /// <returns>[B, ..., channels]; the caller's scope owns it.</returns>
    public Tensor Forward(ITensorOps ops, Tensor x, Activation activation = Activation.None, Tensor skip = default) =>
        ops.GroupNorm(x, _gamma, _beta, _groups, _epsilon, activation, skip);

    /// <summary>The statistics for <see cref="ForwardStrip"/>.</summary>
    internal StripStatistics Statistics(ITensorOps ops, FeatureStrips map) => new(ops, map, _groups);

    /// <summary>Applies the layer, with the statistics of the whole map, to a strip and the rows beside it.</summary>
    /// <remarks>The operation takes the statistics of what it is given: mean m and variance v of the region, where M and V of the map are wanted. As
    /// γ (x - M) / √(V + ε) + β = γ' (x - m) / √(v + ε) + β' with γ' = γ √(v + ε) / √(V + ε) and β' = β + γ (m - M) / √(V + ε), other factors make up for it.</remarks>
    /// <param name="ops">The operations of one backend.</param>
    /// <param name="map">The map.</param>
    /// <param name="statistics">Of the map.</param>
    /// <param name="strip">Number of the strip.</param>
    /// <returns>SiLU of the layer's result on the <see cref="FeatureStrips.Region"/>, [1, rows, W, channels]; the innermost open scope owns it.</returns>
    /// <exception cref="InvalidOperationException">The layer was not loaded for strips.</exception>
    internal Tensor ForwardStrip(ITensorOps ops, FeatureStrips map, StripStatistics statistics, int strip)
    {
        if (_gammas is null || _betas is null)
            throw new InvalidOperationException("This norm was not loaded for strips.");
        GroupMoments whole = statistics.Whole, own = statistics.Region(strip);
        float[] gammas = new float[_gammas.Length], betas = new float[_gammas.Length];
        for (int c = 0; c < gammas.Length; c++)
        {
            int group = c / (gammas.Length / _groups);
            double factor = _gammas[c] / Math.Sqrt(whole.Variance(group) + _epsilon);
            gammas[c] = (float)(factor * Math.Sqrt(own.Variance(group) + _epsilon));
            betas[c] = (float)(_betas[c] + (factor * (own.Mean(group) - whole.Mean(group))));
        }

        using TensorScope scope = ops.Scope();
        using Weight gamma = ops.LoadWeight(new ArrayWeightSource(_gamma.Name, _gamma.Shape, gammas), WeightRole.Vector);
        using Weight beta = ops.LoadWeight(new ArrayWeightSource(_beta.Name, _beta.Shape, betas), WeightRole.Vector);
        return scope.Keep(ops.GroupNorm(map.Region(ops, strip), gamma, beta, _groups, _epsilon, Activation.Silu));
    }
}
