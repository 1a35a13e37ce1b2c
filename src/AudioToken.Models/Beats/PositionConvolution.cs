using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Beats;

/// <summary>Adds what a wide grouped convolution says about a token's neighbourhood: x + gelu(conv(x)). Baevski et al. 2020 (wav2vec 2.0).</summary>
internal sealed class PositionConvolution
{
    private readonly Weight _weight, _bias;
    private readonly int _groups, _padding;

    public PositionConvolution(WeightPath weights, BeatsConfig config)
    {
        _groups = config.PositionGroups;
        _padding = config.PositionKernel / 2;
        _weight = weights.Load(Fold(weights, config), WeightRole.GroupedConv1d);
        _bias = weights.Load("bias", WeightRole.Vector, [config.Width]);
    }

    /// <summary>[B, L, D] to [B, L, D]; the caller's scope owns it.</summary>
    public Tensor Forward(ITensorOps ops, Tensor x) =>
        ops.GroupedConv1d(x, _weight, _groups, _padding, new(_bias) { Activation = Activation.Gelu, Residual = x });

    /// <summary>Weight norm over dimension 2, folded: w[o, c, k] = g[k] v[o, c, k] / |v[:, :, k]|. Salimans and Kingma 2016.</summary>
    private static ArrayWeightSource Fold(WeightPath weights, BeatsConfig config)
    {
        int kernel = config.PositionKernel;
        Shape scaleShape = [1, 1, kernel], shape = [config.Width, config.Width / config.PositionGroups, kernel];

        // Files saved by torch 2 spell the same pair as a parametrization.
        bool parametrized = weights.Has("parametrizations.weight.original1");
        float[] scale = weights.Source(parametrized ? "parametrizations.weight.original0" : "weight_g", scaleShape).ReadAll();
        float[] values = weights.Source(parametrized ? "parametrizations.weight.original1" : "weight_v", shape).ReadAll();

        double[] squares = new double[kernel];
        for (int i = 0; i < values.Length; i++)
            squares[i % kernel] += (double)values[i] * values[i];
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)(scale[i % kernel] * (double)values[i] / Math.Sqrt(squares[i % kernel]));
        return new ArrayWeightSource($"{weights.Name}.weight", shape, values);
    }
}
