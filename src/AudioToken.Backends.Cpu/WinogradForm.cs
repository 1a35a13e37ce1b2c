namespace AudioToken.Backends.Cpu;

/// <summary>Which of Winograd's minimal filtering algorithms a convolution takes.</summary>
internal enum WinogradForm
{
    /// <summary>F(4x4, 3x3): 36 products for 144, with twice the rounding errors of plain sums.</summary>
    Fours,

    /// <summary>The same of few channels, by <see cref="NarrowWinograd"/>.</summary>
    Narrow,

    /// <summary>F(2x2, 3x3): 16 products for 36, with about half the rounding errors of plain sums.</summary>
    Pairs,

    /// <summary>F(4x4, 2x2) of the four phases of a doubled map (<see cref="Doubling"/>): 25 products for the 144 of plain 3x3 windows, with twice the rounding errors.</summary>
    Phases,
}

/// <summary>The transforms of one form, on one vector of channels or columns.</summary>
internal unsafe interface IWinogradTransforms<TVector>
    where TVector : unmanaged
{
    /// <summary>Transforms a tile's window.</summary>
    /// <param name="pixels">The window's pixels row by row, null beyond the edge.</param>
    /// <param name="channel">The first of the channels.</param>
    /// <param name="to">Receives the first point's.</param>
    /// <param name="stride">Floats from one point to the next.</param>
    /// <param name="part">Room for a vector a pixel, aligned.</param>
    static abstract void InputTile(float** pixels, int channel, float* to, long stride, TVector* part);

    /// <summary>Transforms a filter of 3x3 taps.</summary>
    /// <param name="phase">Of a doubled map: twice the row and the column among the results that replace a pixel.</param>
    /// <param name="from">The first tap.</param>
    /// <param name="tap">Floats from one tap to the next.</param>
    /// <param name="to">Receives the first point's.</param>
    /// <param name="stride">Floats from one point to the next.</param>
    /// <param name="part">Room for a vector a point, aligned.</param>
    static abstract void FilterTile(int phase, float* from, int tap, float* to, long stride, TVector* part);

    /// <summary>Transforms a tile's products to its outputs.</summary>
    /// <param name="products">The first point's.</param>
    /// <param name="stride">Floats from one point to the next.</param>
    /// <param name="sums">Receives the first output.</param>
    /// <param name="rowStride">Floats from one output to the next.</param>
    /// <param name="part">Room for a vector a point, aligned.</param>
    static abstract void OutputTile(float* products, int stride, float* sums, int rowStride, TVector* part);
}
