using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

/// <summary>The tile of one block of a product: which form of the kernel, and its launch. As the tiles of common/product.cuh.</summary>
/// <param name="Form">Ending of the kernel's name.</param>
/// <param name="Rows">Rows of the result in a block.</param>
/// <param name="Columns">Columns of the weight in a block.</param>
/// <param name="Threads">Threads of a block.</param>
/// <param name="Stages">Stages of the ring in shared memory; 0 where it is no ring.</param>
/// <param name="Latency">Microseconds of a stage where nothing else is at work on the multiprocessor.</param>
/// <param name="Share">Microseconds of a stage that other blocks cannot use.</param>
/// <param name="End">Microseconds from the last stage to the stored result.</param>
internal readonly record struct ProductTile(string Form, int Rows, int Columns, int Threads, int Stages, double Latency = 0, double Share = 0, double End = 0)
{
    /// <summary>Elements of a row in one stage.</summary>
    public const int Depth = 64;

    private const int SharedBytesPerMultiprocessor = 228 << 10, ReservedBytes = 2 << 10; // of sm_90; others have less and run fewer

    /// <summary>For fp32.</summary>
    public static readonly ProductTile Plain = new("", 64, 64, 256, 0);

    /// <summary>For half types at any address.</summary>
    public static readonly ProductTile Any = new("_any", 64, 64, 128, 3);

    /// <summary>For rows of whole 16 bytes, by mma.sync. Their times are guesses: no device that lacks wgmma was at hand.</summary>
    public static readonly IReadOnlyList<ProductTile> OfWarps =
    [
        new("_64x64", 64, 64, 128, 3, 0.5, 0.25, 1.2),
        new("_128x80", 128, 80, 128, 3, 0.6, 0.5, 2.5),
        new("_128x160", 128, 160, 256, 4, 0.6, 0.95, 4),
    ];

    /// <summary>For rows of whole 16 bytes, by wgmma, which sm_90a alone has. Times were fitted to an H200 (benchmarks/AudioToken.Tiles).</summary>
    public static readonly IReadOnlyList<ProductTile> OfWarpgroups =
    [
        new("_g64x64", 64, 64, 128, 4, 0.55, 0.12, 1),
        new("_g64x80", 64, 80, 128, 4, 0.5, 0.23, 1.7),
        new("_g64x160", 64, 160, 128, 4, 0.5, 0.46, 3.4),
        new("_g128x128", 128, 128, 256, 4, 0.26, 0.66, 3.1),
        new("_g128x160", 128, 160, 256, 4, 0.03, 0.72, 3.9),
    ];

    /// <summary>The small tile, for operations that have no others.</summary>
    public static ProductTile Narrow(DType storage, bool packed) => storage == DType.F32 ? Plain : packed ? OfWarps[0] : Any;

    /// <summary>Dynamic shared memory of a block: the ring, or the sums in its place.</summary>
    public int SharedBytes => Stages == 0 ? 0 : Math.Max(Stages * (Rows + Columns) * Depth * 2, Rows * (Columns + 8) * sizeof(float));

    /// <summary>Blocks that a multiprocessor runs at the same time.</summary>
    public int Together => Math.Clamp(SharedBytesPerMultiprocessor / (SharedBytes + ReservedBytes), 1, 2048 / Threads);

    /// <summary>Blocks that cover a result.</summary>
    public Grid Grid(int rows, int columns) => new((int)(((long)rows + Rows - 1) / Rows), (int)(((long)columns + Columns - 1) / Columns));
}
