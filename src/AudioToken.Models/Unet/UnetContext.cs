using AudioToken.Models.Layers;

namespace AudioToken.Models.Unet;

/// <summary>All that a UNet derives from the conditioning: keys and values of each cross-attention. Made once an image by
/// <see cref="UnetModel.PrepareContext"/>.</summary>
/// <remarks>Valid while the scope that was open at its making is.</remarks>
public sealed class UnetContext
{
    private readonly KeysAndValues[] _layers;

    internal UnetContext(KeysAndValues[] layers) => _layers = layers;

    /// <summary>Samples of the conditioning.</summary>
    public int Batch => _layers[0].Keys.Shape[0];

    /// <summary>Keys and values of one transformer.</summary>
    internal ref readonly KeysAndValues this[int transformer] => ref _layers[transformer];
}
