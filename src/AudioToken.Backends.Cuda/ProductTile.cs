using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

/// <summary>The tile of one block of a product: which form of the kernel, and its launch. As Tile in common/product.cuh.</summary>
/// <param name="Form">Ending of the kernel's name.</param>
/// <param name="Rows">Rows of the result in a block.</param>
/// <param name="Columns">Columns of the weight in a block.</param>
/// <param name="Threads">Threads of a block.</param>
/// <param name="SharedBytes">Dynamic shared memory of a block.</param>
internal readonly record struct ProductTile(string Form, int Rows, int Columns, int Threads, int SharedBytes)
{
    // Below this many wide tiles, small ones keep more multiprocessors at work.
    private const long EnoughTiles = 64;

    private static readonly ProductTile s_plain = new("", 64, 64, 256, 0);
    private static readonly ProductTile s_any = Half("_any", 64, 64, 128);
    private static readonly ProductTile s_small = Half("_64x64", 64, 64, 128);
    private static readonly ProductTile s_wide = Half("_128x160", 128, 160, 256);

    /// <summary>The tile for a product of a size.</summary>
    /// <param name="storage">Type of the operands.</param>
    /// <param name="rows">Rows of the result.</param>
    /// <param name="columns">Columns of the weight.</param>
    /// <param name="packed">Rows of the source come in whole multiples of 16 bytes.</param>
    /// <param name="products">How many such products there are in one launch.</param>
    public static ProductTile For(DType storage, int rows, int columns, bool packed, int products = 1)
    {
        Grid wide = s_wide.Grid(rows, columns);
        return storage != DType.F32 && packed && (long)wide.X * wide.Y * products >= EnoughTiles ? s_wide : Narrow(storage, packed);
    }

    /// <summary>The small tile.</summary>
    public static ProductTile Narrow(DType storage, bool packed) => storage == DType.F32 ? s_plain : packed ? s_small : s_any;

    /// <summary>Blocks that cover a result.</summary>
    public Grid Grid(int rows, int columns) => new((int)(((long)rows + Rows - 1) / Rows), (int)(((long)columns + Columns - 1) / Columns));

    // Three stages of 32 elements a row, with 8 between rows.
    private static ProductTile Half(string form, int rows, int columns, int threads) => new(form, rows, columns, threads, 3 * (rows + columns) * 40 * 2);
}
