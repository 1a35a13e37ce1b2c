using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    // What is transformed at a time stays near the third-level cache.
    private const int TransformedFloats = 6 << 20;

    // A block's sums and transformed filters, 0.9 MB, stay in the second-level cache; fewer tiles share the filters where there would be too few parts.
    private const int MostBlockTiles = 128, FewestBlockTiles = 16, PartsPerThread = 4;

    // A convolution in runs of tiles.
    private void Winograd(WinogradJob job, int batch)
    {
        using TensorScope scope = Scope();
        if (job.Form == WinogradForm.Narrow)
        {
            NarrowWinograd narrow = new() { Windows = job, Tiles = checked(batch * job.TileRows * job.TileColumns) };
            narrow.Filters = Working(job.Packed.Panels * narrow.PanelFloats);
            _engine.Multiply(_workers, narrow);
            return;
        }

        long tiles = (long)batch * job.TileRows * job.TileColumns;
        job.BlockTiles = MostBlockTiles;
        while (job.BlockTiles > FewestBlockTiles && (tiles + job.BlockTiles - 1) / job.BlockTiles * job.Packed.Panels < PartsPerThread * _workers.Threads)
            job.BlockTiles /= 2;
        job.Tiles = job.BlockTiles; // of one block, to know its size
        int most = (int)Math.Min(tiles, Math.Max(1, TransformedFloats / job.BlockFloats) * job.BlockTiles);
        job.Tiles = most;
        job.Inputs = Working(job.Blocks * job.BlockFloats);
        for (job.Phase = 0; job.Phase < (job.InPhases ? Doubling.Phases : 1); job.Phase++)
        {
            for (job.FirstTile = 0; job.FirstTile < tiles; job.FirstTile += job.Tiles)
            {
                job.Tiles = (int)Math.Min(most, tiles - job.FirstTile);
                _engine.Multiply(_workers, job);
            }
        }
    }

    private float* Working(long floats) => Data(Allocate([checked((int)floats)]), nameof(Working), "working memory");
}
