using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Beats;

/// <summary>The bias that every layer's attention adds to its scores, by distance and head; all layers share the first layer's table.</summary>
internal sealed class RelativePositions
{
    private readonly Weight _table;
    private readonly BeatsConfig _config;
    private int[] _rows = []; // for the length seen last: sounds of one length come in rows

    public RelativePositions(WeightPath layers, BeatsConfig config)
    {
        _table = (layers / 0 / "self_attn" / "relative_attention_bias").Load("weight", WeightRole.Table, [config.Buckets, config.Heads]);
        _config = config;

        // Files repeat the shared table under every layer's name.
        for (int i = 1; i < config.Layers; i++)
            (layers / i / "self_attn").Ignore("relative_attention_bias");
    }

    /// <summary>The bias for a sequence length, [heads, L, L]; the caller's scope owns it.</summary>
    public Tensor Forward(ITensorOps ops, int length)
    {
        if (_rows.Length != 2 * length - 1)
            _rows = RelativePositionBuckets.ForLength(length, _config.Buckets, _config.MaxDistance);
        using TensorScope scope = ops.Scope();
        return scope.Keep(ops.RelativePositionBias(_table, ops.Upload(_rows, [_rows.Length])));
    }
}
