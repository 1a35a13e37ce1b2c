using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

/// <summary>How a product is cut: into tiles, and each tile's sums into parts that several blocks add up.</summary>
/// <param name="Tile">The tile.</param>
/// <param name="Parts">At least 1.</param>
internal readonly record struct ProductPlan(ProductTile Tile, int Parts)
{
    /// <summary>Most bytes of the sums of parts.</summary>
    public const int PartialBytes = 24 << 20;

    /// <summary>Most tiles whose sums are in parts.</summary>
    public const int MaxTiles = 4096;

    private const int MaxParts = 16;

    /// <summary>The plan for a product.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="storage">Type of the operands.</param>
    /// <param name="rows">Rows of the result.</param>
    /// <param name="columns">Columns of the weight.</param>
    /// <param name="depth">Terms of a sum.</param>
    /// <param name="packed">Rows of the source come in whole multiples of 16 bytes.</param>
    /// <param name="products">How many such products there are in one launch.</param>
    public static ProductPlan For(CudaDevice device, DType storage, int rows, int columns, int depth, bool packed, int products = 1)
    {
        if (storage == DType.F32 || !packed)
            return new(ProductTile.Narrow(storage, packed), 1);
        ProductPlan best = default;
        double least = double.PositiveInfinity;
        foreach (ProductPlan plan in Candidates(device, rows, columns, depth, products))
        {
            double cost = plan.Microseconds(device, rows, columns, depth, products);
            if (cost < least)
                (best, least) = (plan, cost);
        }

        return best;
    }

    /// <summary>All plans that a device can run.</summary>
    public static IEnumerable<ProductPlan> Candidates(CudaDevice device, int rows, int columns, int depth, int products)
    {
        foreach (ProductTile tile in device.HasWarpgroupProducts ? ProductTile.OfWarpgroups : ProductTile.OfWarps)
        {
            if (tile.SharedBytes > device.SharedBytesPerBlock)
                continue;
            Grid grid = tile.Grid(rows, columns);
            long tiles = (long)grid.X * grid.Y * products;
            for (int parts = 1; parts <= MaxParts; parts++)
            {
                bool fits = tiles <= MaxTiles && tiles * parts * tile.Rows * tile.Columns * sizeof(float) <= PartialBytes && parts * 2 * ProductTile.Depth <= depth;
                if (parts == 1 || fits)
                    yield return new(tile, parts);
            }
        }
    }

    /// <summary>Blocks of the launch; one product's parts lie side by side along z.</summary>
    public Grid Grid(int rows, int columns, int products = 1) => Tile.Grid(rows, columns) with { Z = products * Parts };

    /// <summary>What the launch will take by a model that is within an eighth of what an H200 took, and good enough to choose by.</summary>
    private double Microseconds(CudaDevice device, int rows, int columns, int depth, int products)
    {
        const double Start = 2.2, Meeting = 4.9, Element = 7.7e-5;
        Grid grid = Tile.Grid(rows, columns);
        double blocks = Math.Ceiling((double)grid.X * grid.Y * products * Parts / device.Multiprocessors), waves = Math.Ceiling(blocks / Tile.Together);
        double steps = Math.Ceiling(Math.Ceiling((double)depth / ProductTile.Depth) / Parts);
        double adding = Parts == 1 ? 0 : Meeting + (Element * Parts * Tile.Rows * Tile.Columns);
        return Start + (steps * Math.Max(waves * Tile.Latency, blocks * Tile.Share)) + (blocks * Tile.End) + adding;
    }
}
