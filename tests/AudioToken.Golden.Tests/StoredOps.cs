using AudioToken.Tensors;
using AudioToken.Testing;

namespace AudioToken.Golden.Tests;

/// <summary>The plain half-precision formula: fp32 arithmetic whose every result is rounded to a storage type. The sampler's sums stay fp32.</summary>
/// <remarks>A half-precision backend is held to twice the error that this one has.</remarks>
internal sealed class StoredOps(ITensorOps inner, DType storage) : DelegatingOps(inner)
{
    public override Weight LoadWeight(WeightSource source, WeightRole role) => new RoundedOps(Inner, storage).LoadWeight(source, role);

    public override Tensor Linear(Tensor x, Weight weight, in Epilogue epilogue) => Stored(Inner.Linear(x, weight, epilogue));

    public override Tensor Conv2d(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, Tensor skip = default) =>
        Stored(Inner.Conv2d(x, weight, geometry, epilogue, skip));

    public override Tensor GroupedConv1d(Tensor x, Weight weight, int groups, int padding, in Epilogue epilogue) =>
        Stored(Inner.GroupedConv1d(x, weight, groups, padding, epilogue));

    public override Tensor GroupNorm(Tensor x, Weight gamma, Weight beta, int groups, float epsilon, Activation activation = Activation.None, Tensor skip = default) =>
        Stored(Inner.GroupNorm(x, gamma, beta, groups, epsilon, activation, skip));

    public override Tensor LayerNorm(Tensor x, Weight gamma, Weight beta, float epsilon) => Stored(Inner.LayerNorm(x, gamma, beta, epsilon));

    public override Tensor Attention(Tensor q, Tensor k, Tensor v, in AttentionOptions options) => Stored(Inner.Attention(q, k, v, options));

    public override Tensor Activate(Tensor x, Activation activation) => Stored(Inner.Activate(x, activation));

    public override Tensor TimestepEmbedding(Tensor timesteps, int width, bool cosineFirst, float frequencyShift) =>
        Stored(Inner.TimestepEmbedding(timesteps, width, cosineFirst, frequencyShift));

    public override Tensor TokenEmbedding(Tensor ids, Weight tokens, Weight positions, int placeholderId, Tensor placeholder) =>
        Stored(Inner.TokenEmbedding(ids, tokens, positions, placeholderId, placeholder));

    public override Tensor RelativePositionGate(Tensor projected, Weight scale) => Stored(Inner.RelativePositionGate(projected, scale));

    public override Tensor MeanCosine(Tensor x, Tensor y) => Stored(Inner.MeanCosine(x, y));

    public override Tensor AttentionPool(Tensor values, Tensor scores) => Stored(Inner.AttentionPool(values, scores));

    protected override void Before(string operation)
    {
    }

    private Tensor Stored(Tensor result) => new RoundedOps(Inner, storage).Upload(Inner.Values(result), result.Shape);
}
