using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>What the passes of one convolution by F(4x4, 3x3) share: 3x3 windows of stride 1 with a border of one, four by four outputs a tile.</summary>
/// <remarks>Inputs of a tile, its six by six window, are transformed to 36 values a channel; each of the 36 is a matrix product over the channels;
/// the sums of a tile are transformed back to 16 outputs. That is 36 products for 144.</remarks>
internal unsafe struct WinogradJob
{
    /// <summary>Values of a transformed tile, and matrix products.</summary>
    public const int Points = 36;

    /// <summary>Rows and columns of outputs of a tile.</summary>
    public const int Side = 4;

    // Fewer do not pay for transforming the filters.
    private const int FewestPixels = 256;

    public float* X;            // [B, SourceHeight, SourceWidth, Channels]
    public float* Skip;         // [B, SourceHeight, SourceWidth, SkipChannels] or null
    public int Channels;
    public int SkipChannels;
    public int SourceHeight;
    public int SourceWidth;
    public int Height;          // of the result, and of the input after enlargement
    public int Width;
    public RestingValues Weight; // panels of [9 taps][Depth][width]
    public PackedShape Packed;  // of Weight
    public float* Inputs;       // [36, Tiles, Depth]
    public float* Filters;      // panels of [36][Depth][width]
    public PackedShape Points36; // of Filters: 36 groups
    public float* Products;     // [Tiles, 36, Columns]
    public float* Output;       // [B, Height, Width, N]
    public TileEpilogue Epilogue;
    public long FirstTile;      // of the present run of tiles
    public int Tiles;
    public int FirstPanel;      // of the present run of columns

    /// <summary>Input channels of both sources.</summary>
    public readonly int Depth => Channels + SkipChannels;

    /// <summary>Tiles from top to bottom of one sample.</summary>
    public readonly int TileRows => (Height + Side - 1) / Side;

    /// <summary>Tiles from left to right.</summary>
    public readonly int TileColumns => (Width + Side - 1) / Side;

    /// <summary>Whether a convolution has the form, and is large enough to gain by it.</summary>
    /// <remarks>Looks at one sample, never at the batch: a sample's result must not depend on its neighbours.</remarks>
    public static bool Suits(Shape x, int skipChannels, Shape weight, in ConvGeometry geometry, int height, int width, int vectorWidth) =>
        weight[2] == 3 && weight[3] == 3
        && geometry is { Stride: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1 }
        && x[3] % vectorWidth == 0 && skipChannels % vectorWidth == 0
        && x[3] + skipChannels >= 64 && weight[0] >= 64 && height * width >= FewestPixels;

    /// <summary>Where a tile lies.</summary>
    public readonly (long Sample, int Y, int X) At(long tile)
    {
        (long row, long column) = Math.DivRem(tile, TileColumns);
        (long sample, row) = Math.DivRem(row, TileRows);
        return (sample, (int)row * Side, (int)column * Side);
    }
}
