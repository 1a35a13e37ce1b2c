using AudioToken.Models.Layers;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Unet;

/// <summary>A residual block and, on levels with attention, a transformer behind it.</summary>
internal sealed class UnetLayer
{
    private readonly ResnetBlock2D _resnet;
    private readonly Transformer2D? _transformer; // null on levels without attention
    private readonly int _resnetNumber, _transformerNumber;

    /// <summary>Layer <paramref name="index"/> of the stage under <paramref name="stage"/>.</summary>
    public UnetLayer(WeightPath stage, int index, int inChannels, int level, bool attention, UnetConfig config, UnetBlocks blocks)
    {
        _resnetNumber = blocks.AddResnet(stage / "resnets" / index, inChannels, config.Channels[level]);
        _resnet = blocks.Resnets[_resnetNumber];
        if (attention)
        {
            _transformerNumber = blocks.AddTransformer(stage / "attentions" / index, level);
            _transformer = blocks.Transformers[_transformerNumber];
        }
    }

    /// <summary>Applies the layer; the pass's scope owns the result.</summary>
    /// <param name="pass">The forward pass.</param>
    /// <param name="x">[B, H, W, C].</param>
    /// <param name="skip">The map opposite, whose channels follow those of <paramref name="x"/>; if given, both inputs are handed back.</param>
    /// <param name="normFollows">Whether a GroupNorm will read the result.</param>
    /// <returns>[B, H, W, Cout].</returns>
    public Tensor Forward(in UnetPass pass, Tensor x, Tensor skip = default, bool normFollows = true)
    {
        Tensor h = _resnet.Forward(pass.Ops, x, pass.Time.Shift(_resnetNumber), skip, normFollows || _transformer is not null);
        if (!skip.IsEmpty)
        {
            pass.Scope.Release(skip);
            pass.Scope.Release(x);
        }

        return _transformer is null ? h : pass.Scope.Swap(h, _transformer.Forward(pass.Ops, h, pass.Context[_transformerNumber], normFollows));
    }
}
