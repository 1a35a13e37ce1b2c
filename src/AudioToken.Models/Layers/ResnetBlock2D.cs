using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Layers;

/// <summary>Two 3x3 convolutions with an optional time shift between them and a residual path around them.</summary>
/// <remarks>Pre-activation form of diffusers' ResnetBlock2D. Time shift: Ho et al. 2020, appendix B.</remarks>
public sealed class ResnetBlock2D
{
    private readonly GroupNorm _norm1, _norm2;
    private readonly Conv2d _conv1, _conv2;
    private readonly Linear? _timeProjection; // null in the VAE, which knows no time
    private readonly Conv2d? _shortcut;       // null where the channel count stays: the residual is then x itself

    /// <summary>Binds the block to its tensors.</summary>
    /// <param name="weights">The block's place in the checkpoint.</param>
    /// <param name="inChannels">Channels of the input, the skip's among them.</param>
    /// <param name="outChannels">Channels of the result.</param>
    /// <param name="groups">Groups of both norms.</param>
    /// <param name="epsilon">Epsilon of both norms.</param>
    /// <param name="timeChannels">Width of the time embedding; 0 for a block without time.</param>
    /// <param name="strips">Whether <see cref="ForwardStrips"/> shall work.</param>
    public ResnetBlock2D(WeightPath weights, int inChannels, int outChannels, int groups, float epsilon, int timeChannels = 0, bool strips = false)
    {
        _norm1 = GroupNorm.Load(weights / "norm1", inChannels, groups, epsilon, strips);
        _conv1 = Conv2d.Load3x3(weights / "conv1", inChannels, outChannels);
        _timeProjection = timeChannels == 0 ? null : Linear.Load(weights / "time_emb_proj", timeChannels, outChannels);
        _norm2 = GroupNorm.Load(weights / "norm2", outChannels, groups, epsilon, strips);
        _conv2 = Conv2d.Load3x3(weights / "conv2", outChannels, outChannels);
        _shortcut = inChannels == outChannels ? null : Conv2d.Load1x1(weights / "conv_shortcut", inChannels, outChannels);
    }

    /// <summary>The shifts for <see cref="Forward"/>; they depend on the time alone.</summary>
    /// <param name="ops">The operations of one backend.</param>
    /// <param name="activatedTime">SiLU of the time embedding, [S, Ct].</param>
    /// <returns>[S, Cout]; the caller's scope owns it.</returns>
    /// <exception cref="InvalidOperationException">The block was made without time.</exception>
    public Tensor TimeShift(ITensorOps ops, Tensor activatedTime) =>
        (_timeProjection ?? throw new InvalidOperationException("This block was made without time.")).Forward(ops, activatedTime);

    /// <summary>Applies the block to one feature map.</summary>
    /// <param name="ops">The operations of one backend.</param>
    /// <param name="x">[B, H, W, C].</param>
    /// <param name="shift">From <see cref="TimeShift"/>: [B, Cout], or [1, Cout] for all samples; absent without time.</param>
    /// <param name="skip">If given, its channels follow those of <paramref name="x"/>: [B, H, W, Cin - C].</param>
    /// <param name="normFollows">Whether a GroupNorm will read the result.</param>
    /// <returns>[B, H, W, Cout]; the caller's scope owns it.</returns>
    public Tensor Forward(ITensorOps ops, Tensor x, Tensor shift = default, Tensor skip = default, bool normFollows = true)
    {
        using TensorScope scope = ops.Scope();
        Tensor h = _norm1.Forward(ops, x, Activation.Silu, skip);                              // [B, H, W, Cin]
        h = scope.Swap(h, _conv1.Forward(ops, h, new() { ChannelShift = shift, NormFollows = true })); // [B, H, W, Cout]
        h = scope.Swap(h, _norm2.Forward(ops, h, Activation.Silu));                            // [B, H, W, Cout]
        Epilogue end = new() { NormFollows = normFollows };
        return scope.Keep(_shortcut is null ? _conv2.Forward(ops, h, end with { Residual = x }) : _conv2.ForwardWithShortcut(ops, h, end, _shortcut, x, skip));
    }

    /// <summary>Applies a block without time to a map in strips, which it uses up: hardly more than the larger of input and result is held at a time.</summary>
    /// <returns>As many strips in the same scope, [1, rows, W, Cout] each.</returns>
    internal FeatureStrips ForwardStrips(ITensorOps ops, FeatureStrips x)
    {
        FeatureStrips h = x.Next(), y = x.Next(), residual = _shortcut is null ? x : x.Next();
        StripStatistics statistics = _norm1.Statistics(ops, x);
        for (int i = 0; i < x.Count; i++)
        {
            using (TensorScope scope = ops.Scope())
            {
                h[i] = x.Inner(i, scope.Keep(_conv1.Forward(ops, _norm1.ForwardStrip(ops, x, statistics, i))));
                if (_shortcut is not null)
                    residual[i] = scope.Keep(_shortcut.Forward(ops, x[i]));
            }

            if (_shortcut is not null)
                x.Passed(ops, i);
        }

        statistics = _norm2.Statistics(ops, h);
        for (int i = 0; i < x.Count; i++)
        {
            using (TensorScope scope = ops.Scope())
            {
                Tensor normed = _norm2.ForwardStrip(ops, h, statistics, i);
                y[i] = h.Inner(i, scope.Keep(_conv2.Forward(ops, normed, new() { Residual = residual.Region(ops, i) })));
            }

            h.Passed(ops, i);
            residual.Passed(ops, i);
        }

        return y;
    }
}
