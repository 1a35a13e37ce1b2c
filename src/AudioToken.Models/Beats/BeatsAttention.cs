using AudioToken.Models.Layers;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Beats;

/// <summary>Self-attention with a relative position bias that every query may scale by a gate of its own.</summary>
/// <remarks>The original divides the scores by 32, subtracts the row's maximum and multiplies by 32 again, against overflow in half
/// precision; a softmax in fp32 needs none of it. Gate: Chi et al. 2022 (XLM-E).</remarks>
internal sealed class BeatsAttention
{
    private const int GateWidth = 8;

    private readonly Linear _query, _key, _value, _output;
    private readonly Linear? _gateProjection; // null where the bias is not gated
    private readonly Weight? _gateScale;
    private readonly int _heads, _headWidth;

    public BeatsAttention(WeightPath weights, BeatsConfig config)
    {
        _heads = config.Heads;
        _headWidth = config.Width / config.Heads;
        _query = Linear.Load(weights / "q_proj", config.Width, config.Width);
        _key = Linear.Load(weights / "k_proj", config.Width, config.Width);
        _value = Linear.Load(weights / "v_proj", config.Width, config.Width);
        _output = Linear.Load(weights / "out_proj", config.Width, config.Width);
        if (config.GatedPositions)
        {
            _gateProjection = Linear.Load(weights / "grep_linear", _headWidth, GateWidth);
            _gateScale = weights.Load("grep_a", WeightRole.Vector, [1, config.Heads, 1, 1]);
        }
    }

    /// <summary>Attention of x to itself, plus a residual.</summary>
    /// <param name="ops">The operations of one backend.</param>
    /// <param name="x">[B, L, D].</param>
    /// <param name="bias">[heads, L, L], or absent.</param>
    /// <param name="residual">[B, L, D].</param>
    /// <param name="residualScale">Its factor.</param>
    public Tensor Forward(ITensorOps ops, Tensor x, Tensor bias, Tensor residual, float residualScale)
    {
        using TensorScope scope = ops.Scope();
        (int batch, int length) = (x.Shape[0], x.Shape[1]);
        Span<Tensor> made = [default, default, default];
        ops.Project(x, [_query.Projection, _key.Projection, _value.Projection], made);
        (Tensor q, Tensor k, Tensor v) = (made[0], made[1], made[2]);                               // [B, L, D] each
        Tensor gate = default;
        if (_gateProjection is not null)
        {
            Tensor projected = _gateProjection.Forward(ops, q.Reshape([batch, length * _heads, _headWidth])); // [B, L heads, 8]
            gate = scope.Swap(projected, ops.RelativePositionGate(projected, _gateScale!));         // [B, L, heads]
        }

        Tensor heads = ops.Attention(q, k, v, new AttentionOptions
        {
            Heads = _heads,
            Scale = (float)(1 / Math.Sqrt(_headWidth)),
            Bias = bias,
            BiasGate = gate,
        });                                                                                         // [B, L, D]
        return scope.Keep(_output.Forward(ops, heads, new() { Residual = residual, ResidualScale = residualScale }));
    }
}
