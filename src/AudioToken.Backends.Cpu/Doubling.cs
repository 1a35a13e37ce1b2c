using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>A 3x3 convolution of a map of twice the sides, enlarged by nearest neighbour, as four 2x2 convolutions of the map itself: one for each of the
/// four results that replace a pixel.</summary>
/// <remarks>Three taps of a row meet two pixels: at an even column w0 the left one and w1 + w2 the pixel itself, at an odd one w0 + w1 the pixel itself and
/// w2 the right one; the same down the columns. So four products a result for nine. The sums of weights are those of one call: kept, they would take
/// 64 bytes where nine half-precision weights take 18, for at most a tenth of the products' time.</remarks>
internal unsafe struct Doubling
{
    /// <summary>Results that replace a pixel.</summary>
    public const int Phases = 4;

    // Of fewer, the products saved do not pay for summing the weights.
    private const int FewestPixels = 16;

    public RestingValues Weight; // panels of [9 taps][C][width]
    public PackedShape Packed;   // of Weight
    public float* Sums;          // [4 phases] panels of [2x2 taps][C][width]
    public PackedShape Summed;   // of Sums: a run of columns
    public int FirstPanel;       // of the run

    /// <summary>Channels of the input.</summary>
    public readonly int Depth => Packed.Depth / NineTaps.Taps;

    /// <summary>Whether a convolution has the form, and is large enough to gain by it.</summary>
    /// <remarks>Looks at one sample, never at the batch: a sample's result must not depend on its neighbours.</remarks>
    public static bool Suits(Shape x, Shape weight, in ConvGeometry geometry) =>
        weight[2] == 3 && weight[3] == 3
        && geometry is { Stride: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1 }
        && geometry.UpsampleHeight == 2L * x[1] && geometry.UpsampleWidth == 2L * x[2]
        && (long)x[1] * x[2] >= FewestPixels;

    /// <summary>Where a result lies, in pixels, that replaces one of a map.</summary>
    /// <param name="row">The pixel, counted through all samples.</param>
    /// <param name="width">Width of the map.</param>
    /// <param name="phase">0 above left, 1 above right, 2 below left, 3 below right.</param>
    public static long ResultRow(long row, int width, int phase)
    {
        (long y, long x) = Math.DivRem(row, width);
        return (2 * y + phase / 2) * 2 * width + 2 * x + phase % 2;
    }
}
