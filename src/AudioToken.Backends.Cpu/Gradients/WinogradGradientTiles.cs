namespace AudioToken.Backends.Cpu;

/// <summary>Transforms windows and gradients of a tile, for a weight's gradient.</summary>
internal unsafe struct WinogradGradientTiles<TLanes, TVector>
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    public WinogradJob Windows; // the convolution's input: sources and sizes
    public float* Dy;           // [B, Height, Width, Outputs]
    public int Outputs;
    public long InputStride;    // floats from one point to the next
    public long SlopeStride;

    /// <summary>Transforms a tile.</summary>
    /// <param name="tile">Of all samples.</param>
    /// <param name="inputs">Receives [Depth] of the first point.</param>
    /// <param name="slopes">Receives [Outputs] of the first point.</param>
    /// <param name="part">Room for as many vectors as there are points.</param>
    public readonly void Transform(long tile, float* inputs, float* slopes, TVector* part)
    {
        float** pixels = stackalloc float*[WinogradJob.MostPoints];
        (long sample, int y, int x) = Windows.At(tile);
        (int channels, int skip, int height, int width) = (Windows.Channels, Windows.SkipChannels, Windows.Height, Windows.Width);
        Windows.Pixels(Windows.X, channels, sample, y, x, pixels);
        for (int c = 0; c < channels; c += TLanes.Count)
            Winograd<TLanes, TVector>.InputTile(pixels, c, inputs + c, InputStride, part);
        if (skip > 0)
            Windows.Pixels(Windows.Skip, skip, sample, y, x, pixels);
        for (int c = 0; c < skip; c += TLanes.Count)
            Winograd<TLanes, TVector>.InputTile(pixels, c, inputs + channels + c, InputStride, part);
        TilePixels.Square(Dy, Outputs, sample, height, width, height, width, y, x, Windows.Side, pixels);
        for (int c = 0; c < Outputs; c += TLanes.Count)
            WinogradGradient<TLanes, TVector>.SlopeTile(pixels, c, slopes + c, SlopeStride, part);
    }
}
