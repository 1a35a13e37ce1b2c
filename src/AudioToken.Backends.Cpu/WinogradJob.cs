using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>What the passes of one convolution by Winograd's way share: 3x3 windows of stride 1 with a border of one, in tiles of outputs.</summary>
/// <remarks>Inputs of a tile, its window, are transformed to as many values a channel, the points; each point is a matrix product over the channels;
/// the sums of a tile are transformed back to its outputs. In phases, tiles are of the map itself that is doubled.</remarks>
internal unsafe struct WinogradJob
{
    /// <summary>Points of the form that has the most.</summary>
    public const int MostPoints = 36;

    // Of fewer, transforming the filters outweighs the products saved.
    private const int FewestPixels = 64;

    // The phases have 100 filters for 36.
    private const int FewestDoubledPixels = 256;

    public float* X;            // [B, SourceHeight, SourceWidth, Channels]
    public float* Skip;         // [B, SourceHeight, SourceWidth, SkipChannels] or null
    public int Channels;
    public int SkipChannels;
    public int SourceHeight;
    public int SourceWidth;
    public int Height;          // of the result, and of the input after enlargement; in phases, of the source
    public int Width;
    public WinogradForm Form;
    public int Phase;           // in phases: twice the row and the column among the results that replace a pixel
    public RestingValues Weight; // panels of [9 taps][Depth][width]
    public PackedShape Packed;  // of Weight
    public float* Inputs;       // [Blocks][Parts][Points][BlockTiles][PartRows]
    public float* Output;       // [B, Height, Width, N]
    public TileEpilogue Epilogue;
    public long FirstTile;      // of the present run of tiles
    public int Tiles;
    public int BlockTiles;      // the most tiles that share transformed filters

    /// <summary>Rows and columns of outputs of a tile.</summary>
    public readonly int Side => Form == WinogradForm.Pairs ? 2 : 4;

    /// <summary>Rows and columns of a tile's window: an output's taps less one more than <see cref="Side"/>.</summary>
    public readonly int Window => Side + (InPhases ? 1 : 2);

    /// <summary>Values of a transformed tile, and matrix products.</summary>
    public readonly int Points => Window * Window;

    /// <summary>Whether the result has twice the sides of the map.</summary>
    public readonly bool InPhases => Form == WinogradForm.Phases;

    /// <summary>Input channels of both sources.</summary>
    public readonly int Depth => Channels + SkipChannels;

    /// <summary>Parts of the depth: what is transformed and multiplied at a time.</summary>
    public readonly int Parts => (Depth + PartRows.MostDepth - 1) / PartRows.MostDepth;

    /// <summary>Blocks of tiles of the present run; a part of the work is one of these and one panel of columns.</summary>
    public readonly int Blocks => (Tiles + BlockTiles - 1) / BlockTiles;

    /// <summary>Floats from one point of a part of a block to the next.</summary>
    /// <remarks>A line more than the tiles have: the points of a value would all share one set of the cache.</remarks>
    public readonly int PointFloats => Math.Min(BlockTiles, Tiles) * PartRows.MostDepth + CacheLines.Floats;

    /// <summary>Floats of a block of transformed tiles.</summary>
    public readonly long BlockFloats => (long)Parts * Points * PointFloats;

    /// <summary>The first point of a channel of a tile.</summary>
    /// <param name="tile">Of the present run.</param>
    /// <param name="channel">Of both sources.</param>
    public readonly float* Input(int tile, int channel) =>
        Inputs + tile / BlockTiles * BlockFloats + channel / PartRows.MostDepth * (long)Points * PointFloats
        + tile % BlockTiles * PartRows.MostDepth + channel % PartRows.MostDepth;

    /// <summary>Tiles from top to bottom of one sample.</summary>
    public readonly int TileRows => (Height + Side - 1) / Side;

    /// <summary>Tiles from left to right.</summary>
    public readonly int TileColumns => (Width + Side - 1) / Side;

    /// <summary>The form that a convolution takes; null where plain sums, or those of <see cref="Doubling"/>, are quicker.</summary>
    /// <remarks>Exact ones take only what rounds no more than plain sums; of plain ones the sums are results as they are. Looks at one sample, never at the batch: a sample's result must not depend on its neighbours.</remarks>
    public static WinogradForm? FormOf(
        bool exact, Shape x, int skipChannels, Shape weight, in ConvGeometry geometry, int height, int width, int vectorWidth, bool plain)
    {
        if (!Suits(x, skipChannels, weight, geometry, height, width, vectorWidth))
            return !exact && skipChannels == 0 && NarrowWinograd.Suits(x[3], weight, geometry, height, width, vectorWidth, plain) ? WinogradForm.Narrow : null;
        if (exact)
            return Doubling.Suits(x, weight, geometry) ? null : WinogradForm.Pairs;
        return SuitsDoubled(x, weight, geometry) ? WinogradForm.Phases : WinogradForm.Fours;
    }

    /// <summary>Whether one that has the form gains by taking a doubled map in phases.</summary>
    public static bool SuitsDoubled(Shape x, Shape weight, in ConvGeometry geometry) => Doubling.Suits(x, weight, geometry) && x[1] * x[2] >= FewestDoubledPixels;

    private static bool Suits(Shape x, int skipChannels, Shape weight, in ConvGeometry geometry, int height, int width, int vectorWidth) =>
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

    /// <summary>The pixels of a tile's window in one source; null where it hangs over the edge.</summary>
    public readonly void Pixels(float* source, int channels, long sample, int tileY, int tileX, float** pixels) =>
        TilePixels.Square(source, channels, sample, SourceHeight, SourceWidth, Height, Width, tileY - 1 + Phase / 2, tileX - 1 + Phase % 2, Window, pixels);

    /// <summary>Asks for what the sums of a tile will be added to and replaced by.</summary>
    public readonly void AskForResults(int tile, int panel, int width)
    {
        (long sample, int tileY, int tileX) = At(FirstTile + tile);
        int tall = Math.Min(Side, Height - tileY), wide = Math.Min(Side, Width - tileX);
        for (int y = 0; y < tall; y++)
        {
            long row = (sample * Height + tileY + y) * Width + tileX;
            for (int x = 0; x < wide; x++)
            {
                long at = (InPhases ? Doubling.ResultRow(row + x, Width, Phase) : row + x) * Packed.Columns + panel * Packed.PanelWidth;
                CacheLines.Ask(Output + at, width);
                if (Epilogue.Residual is not null)
                    CacheLines.Ask(Epilogue.Residual + at, width);
            }
        }
    }

    /// <summary>Finishes the sums of a tile: the outputs that lie within the result.</summary>
    /// <param name="tile">Of the present run.</param>
    /// <param name="panel">Panel of the columns.</param>
    /// <param name="sums">[<see cref="Side"/> squared, width].</param>
    /// <param name="width">Columns of the sums.</param>
    public readonly void Finish<TLanes, TVector>(int tile, int panel, float* sums, int width)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        (long sample, int tileY, int tileX) = At(FirstTile + tile);
        int column = panel * Packed.PanelWidth, columns = Math.Min(width, Packed.Columns - column);
        int tall = Math.Min(Side, Height - tileY), wide = Math.Min(Side, Width - tileX);
        for (int y = 0; y < tall; y++, sums += Side * width)
        {
            long row = (sample * Height + tileY + y) * Width + tileX;
            if (!InPhases)
            {
                Epilogue.FinishRows<TLanes, TVector>(row, wide, column, columns, sums, null, width, Output, Packed.Columns);
                continue;
            }

            for (int x = 0; x < wide; x++)
                Epilogue.FinishRows<TLanes, TVector>(Doubling.ResultRow(row + x, Width, Phase), 1, column, columns, sums + x * width, null, width, Output, Packed.Columns);
        }
    }
}
