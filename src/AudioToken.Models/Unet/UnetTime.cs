using AudioToken.Tensors;

namespace AudioToken.Models.Unet;

/// <summary>The time of one call of a UNet, from <see cref="UnetTimes"/>.</summary>
public readonly struct UnetTime
{
    private readonly Tensor[] _shifts;
    private readonly int _row; // -1: each sample its own row

    internal UnetTime(Tensor[] shifts, int row)
    {
        _shifts = shifts;
        _row = row;
    }

    /// <summary>The shift of one residual block, [1, Cout] or [B, Cout].</summary>
    internal Tensor Shift(int resnet) => _row < 0 ? _shifts[resnet] : _shifts[resnet].Slice(_row, 1);
}
