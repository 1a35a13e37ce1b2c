using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

/// <summary>The tile of one block of a product: which form of the kernel, and its launch. As the tiles of common/product.cuh.</summary>
/// <param name="Form">Ending of the kernel's name.</param>
/// <param name="Rows">Rows of the result in a block.</param>
/// <param name="Columns">Columns of the weight in a block.</param>
/// <param name="Threads">Threads of a block.</param>
/// <param name="Stages">Stages of the ring in shared memory; 0 where it is no ring.</param>
internal readonly record struct ProductTile(string Form, int Rows, int Columns, int Threads, int Stages)
{
    /// <summary>Elements of a row in one stage.</summary>
    public const int Depth = 64;

    /// <summary>For fp32.</summary>
    public static readonly ProductTile Plain = new("", 64, 64, 256, 0);

    /// <summary>For half types at any address.</summary>
    public static readonly ProductTile Any = new("_any", 64, 64, 128, 3);

    /// <summary>For rows of whole 16 bytes, by mma.sync, narrowest first.</summary>
    public static readonly IReadOnlyList<ProductTile> OfWarps = [new("_64x64", 64, 64, 128, 3), new("_128x80", 128, 80, 128, 3), new("_128x160", 128, 160, 256, 4)];

    /// <summary>For rows of whole 16 bytes, by wgmma, which sm_90a alone has.</summary>
    public static readonly IReadOnlyList<ProductTile> OfWarpgroups =
    [
        new("_g64x64", 64, 64, 128, 4),
        new("_g64x80", 64, 80, 128, 4),
        new("_g64x160", 64, 160, 128, 4),
        new("_g128x128", 128, 128, 256, 4),
        new("_g128x160", 128, 160, 256, 4),
    ];

    /// <summary>The small tile, for operations that have no others.</summary>
    public static ProductTile Narrow(DType storage, bool packed) => storage == DType.F32 ? Plain : packed ? OfWarps[0] : Any;

    /// <summary>Dynamic shared memory of a block: the ring, or the sums in its place.</summary>
    public int SharedBytes => Stages == 0 ? 0 : Math.Max(Stages * (Rows + Columns) * Depth * 2, Rows * (Columns + 8) * sizeof(float));

    /// <summary>Blocks that cover a result.</summary>
    public Grid Grid(int rows, int columns) => new((int)(((long)rows + Rows - 1) / Rows), (int)(((long)columns + Columns - 1) / Columns));
}
