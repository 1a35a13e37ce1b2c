using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    // What is transformed at a time stays near the third-level cache; a run of columns packs its inputs anew, so it is not too narrow either.
    private const int TransformedInputFloats = 6 << 20;
    private const int TransformedFilterFloats = 4 << 20;
    private const int FewestTransformedColumns = 128;

    // A convolution by F(4x4, 3x3), or four phases by F(4x4, 2x2): runs of tiles, and for each of them runs of columns.
    private void Winograd(WinogradJob job, int batch)
    {
        using TensorScope scope = Scope();
        long tiles = (long)batch * job.TileRows * job.TileColumns;
        int depth = job.Depth, columns = job.Packed.Columns, panelWidth = job.Packed.PanelWidth;
        int mostTiles = (int)Math.Min(tiles, Math.Max(140, TransformedInputFloats / (job.Points * depth) / 140 * 140));
        int mostColumns = Math.Min(columns, Math.Max(FewestTransformedColumns, TransformedFilterFloats / (job.Points * depth)) / panelWidth * panelWidth);
        PackedShape widest = new(job.Points, mostColumns, depth, job.Packed.VectorWidth);
        job.Inputs = Working((long)job.Points * mostTiles * depth);
        job.Filters = Working(widest.Floats);
        job.Products = Working((long)job.Points * mostTiles * mostColumns + panelWidth); // a last vector may be read past its end
        for (job.Phase = 0; job.Phase < (job.Doubled ? Doubling.Phases : 1); job.Phase++)
        {
            int transformed = -1;
            for (job.FirstTile = 0; job.FirstTile < tiles; job.FirstTile += job.Tiles)
            {
                job.Tiles = (int)Math.Min(mostTiles, tiles - job.FirstTile);
                _engine.TransformInputs(_workers, job);
                for (int column = 0; column < columns; column += mostColumns)
                {
                    job.FirstPanel = column / panelWidth;
                    job.Transformed = widest with { Columns = Math.Min(mostColumns, columns - column) };
                    if (transformed != column)
                        _engine.TransformFilters(_workers, job);
                    transformed = column;
                    _engine.MultiplyTransformed(_workers, job);
                }
            }
        }
    }

    private float* Working(long floats) => Data(Allocate([checked((int)floats)]), nameof(Working), "working memory");
}
