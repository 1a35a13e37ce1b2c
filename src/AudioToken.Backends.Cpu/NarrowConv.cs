using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>A 3x3 convolution to few channels, such as a picture's three: the columns of nine taps fill the vectors that those of one leave empty. Every pixel is multiplied with all taps, in
/// one product, and a result is the sum of nine such products of its neighbours.</summary>
/// <remarks>Each tap's sum is one chain, and nine of them are added: less rounding than one chain of all.</remarks>
internal unsafe struct NarrowConv
{
    // More columns fill a vector by themselves; of fewer channels or pixels, laying weights out and adding outweighs the products saved.
    private const int MostColumns = 8, FewestChannels = 32, FewestPixels = 1024;

    public int SourceHeight;
    public int SourceWidth;
    public int Top;  // zeros around the source
    public int Left;
    public int Height; // of the result
    public int Width;
    public int Columns;
    public int Distance;    // floats from one pixel's products to the next one's
    public int Sample;
    public int FirstRow;    // of the present run of rows of results
    public int Rows;
    public float* Products; // [rows of the source, from the run's first][SourceWidth][9 taps][Columns], apart by Distance
    public float* Output;   // [B, Height, Width, Columns]
    public TileEpilogue Epilogue;

    /// <summary>The first row of the source that the run's windows see.</summary>
    public readonly int FirstSourceRow => Math.Clamp(FirstRow - Top, 0, SourceHeight);

    /// <summary>The row behind the last.</summary>
    public readonly int EndSourceRow => Math.Clamp(FirstRow + Rows + 2 - Top, 0, SourceHeight);

    /// <summary>Whether a convolution of one source is one of these. Looks at one sample, never at the batch: a sample's result must not depend on its neighbours.</summary>
    public static bool Suits(Shape x, Shape weight, in ConvGeometry geometry) =>
        weight[2] == 3 && weight[3] == 3 && weight[0] <= MostColumns && weight[1] >= FewestChannels && (long)x[1] * x[2] >= FewestPixels
        && geometry is { Stride: 1, UpsampleHeight: 0, UpsampleWidth: 0 };

    /// <summary>Lays a weight out for the product with all taps.</summary>
    /// <param name="from">Panels of [9 taps][C][width].</param>
    /// <param name="packed">Their layout.</param>
    /// <param name="to">Panels of [C][width], the columns of one tap after those of the other.</param>
    /// <param name="taps">Their layout.</param>
    public static void Turn(float* from, PackedShape packed, float* to, PackedShape taps)
    {
        new Span<float>(to, checked((int)taps.Floats)).Clear();
        int channels = taps.Depth;
        for (int column = 0; column < packed.Columns; column++)
        {
            for (int tap = 0; tap < NineTaps.Taps; tap++)
            {
                float* source = Column(from, packed, column, out int apart) + (long)tap * channels * apart;
                float* target = Column(to, taps, tap * packed.Columns + column, out int distance);
                for (int channel = 0; channel < channels; channel++)
                    target[channel * distance] = source[channel * apart];
            }
        }

        static float* Column(float* panels, PackedShape shape, int column, out int apart)
        {
            (int panel, int within) = Math.DivRem(column, shape.PanelWidth);
            apart = shape.Vectors(panel) * shape.VectorWidth;
            return panels + shape.PanelOffset(panel) + within;
        }
    }
}

/// <summary>Adds up the products of the present run; a part is a row of results.</summary>
internal readonly unsafe struct NarrowConvSums<TLanes, TVector>(NarrowConv job, WorkerPool workers) : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private readonly NarrowConv _job = job;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        int row = _job.FirstRow + index, columns = _job.Columns;
        float* sums = (float*)workers.Scratch(worker, (long)_job.Width * columns * sizeof(float));
        new Span<float>(sums, _job.Width * columns).Clear();
        for (int tap = 0; tap < NineTaps.Taps; tap++)
        {
            int y = row + tap / 3 - _job.Top, shift = tap % 3 - _job.Left;
            if ((uint)y >= (uint)_job.SourceHeight)
                continue;
            int first = Math.Max(0, -shift), end = Math.Min(_job.Width, _job.SourceWidth - shift);
            float* products = _job.Products + ((long)(y - _job.FirstSourceRow) * _job.SourceWidth + first + shift) * _job.Distance + tap * columns;
            float* sum = sums + first * columns;
            for (int x = first; x < end; x++, products += _job.Distance, sum += columns)
            {
                for (int column = 0; column < columns; column++)
                    sum[column] += products[column];
            }
        }

        _job.Epilogue.FinishRows<TLanes, TVector>(((long)_job.Sample * _job.Height + row) * _job.Width, _job.Width, 0, columns, sums, null, columns, _job.Output, columns);
    }
}
