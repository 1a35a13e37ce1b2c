using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>One matrix product cut into blocks of rows and chunks of columns; a thread does one of these at a time, over all of K.</summary>
/// <remarks>
/// <para>Within a block, K goes in steps of at most 512: the rows are packed for the step (they stay in the second-level cache), then each
/// panel of B passes by them once. Sums of steps are kept in the thread's own buffer; with the last step the epilogue finishes a panel
/// while it is in the cache. Where B rests in a half type, a panel is widened for the step into the thread's own buffer.</para>
/// <para>The steps depend on K alone and K is never shared out, so how blocks are cut does not show in the result.</para>
/// </remarks>
internal readonly unsafe struct GemmBlocks<TLanes, TVector, TSource> : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
    where TSource : struct, IRowSource
{
    // 140 rows x 512 of A, as many sums, and a panel of B: 0.65 MB of a second-level cache of 1 MB.
    private const int MostRows = GemmEngine.BlockRows;
    private const int MostColumns = 512;

    // A chunk packs its rows anew: below this many columns that shows.
    private const int FewestColumns = 128;

    // Enough parts that the last one ends soon after the others.
    private const int PartsPerThread = 12;

    private readonly WorkerPool _workers;
    private readonly GemmProblem _problem;
    private readonly TSource _rows;
    private readonly int _tallest;
    private readonly long _rowBlocks;
    private readonly int _panels, _chunks, _steps;
    private readonly long _tileRows;

    /// <summary>Cuts a product.</summary>
    public GemmBlocks(WorkerPool workers, in GemmProblem problem, TSource rows, int tallest)
    {
        (_workers, _problem, _rows, _tallest) = (workers, problem, rows, tallest);
        PackedShape packed = problem.Packed;
        Gated = problem.Epilogue.Activation == Activation.Geglu;

        // A gated panel is a panel of values and its panel of gates.
        _panels = Gated ? packed.Panels / 2 : packed.Panels;
        _steps = Math.Max(1, (packed.Depth + MicroKernel<TLanes, TVector>.MaxDepth - 1) / MicroKernel<TLanes, TVector>.MaxDepth);
        _tileRows = (problem.Rows + tallest - 1) / tallest;

        int width = Gated ? 2 * packed.PanelWidth : packed.PanelWidth;
        long wanted = Math.Max(1, (long)PartsPerThread * workers.Threads / packed.Groups);
        _rowBlocks = Math.Max(1, (_tileRows + MostRows / tallest - 1) / (MostRows / tallest));
        int fewest = (_panels * width + MostColumns - 1) / MostColumns;
        int most = Math.Max(fewest, _panels * width / FewestColumns);
        _chunks = (int)Math.Clamp((wanted + _rowBlocks - 1) / _rowBlocks, Math.Max(1, fewest), Math.Max(1, most));
        Count = checked((int)(packed.Groups * _rowBlocks * _chunks));
    }

    /// <summary>Number of parts.</summary>
    public int Count { get; }

    private bool Gated { get; }

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        // Row blocks vary fastest: threads then work on the same columns of B at a time.
        long block = index % _rowBlocks;
        int chunk = (int)(index / _rowBlocks % _chunks);
        int group = (int)(index / _rowBlocks / _chunks);
        long row = _tileRows * block / _rowBlocks * _tallest;
        int rows = (int)(Math.Min(_tileRows * (block + 1) / _rowBlocks * _tallest, _problem.Rows) - row);
        int panel = (int)((long)_panels * chunk / _chunks);
        int panelEnd = (int)((long)_panels * (chunk + 1) / _chunks);
        if (rows <= 0 || panel == panelEnd)
            return;

        int stride = MicroKernel<TLanes, TVector>.Stride;
        long tile = (long)rows * _problem.Packed.PanelWidth * (Gated ? 2 : 1);
        long tiles = _steps == 1 ? 1 : panelEnd - panel;
        int widest = _problem.Weight.IsWide ? 0 : MicroKernel<TLanes, TVector>.MaxDepth * _problem.Packed.PanelWidth;
        float* a = (float*)_workers.Scratch(worker, (rows * stride + tile * tiles + widest) * sizeof(float));
        float* sums = a + (long)rows * stride;
        float* room = sums + tile * tiles;
        int depth = _problem.Packed.Depth;
        for (int step = 0; step < _steps; step++)
        {
            int start = (int)((long)depth * step / _steps);
            int length = (int)((long)depth * (step + 1) / _steps) - start;
            _rows.Pack(group, row, rows, start, length, a, stride);
            for (int p = panel; p < panelEnd; p++)
            {
                float* own = sums + (_steps == 1 ? 0 : p - panel) * tile;
                Products(group, p, a, rows, start, length, own, room);
                float* gates = Gated ? own + tile / 2 : null;
                if (Gated)
                    Products(group, p + _panels, a, rows, start, length, gates, room);
                if (step == _steps - 1)
                    Finish(group, p, row, rows, own, gates);
            }
        }
    }

    private void Products(int group, int panel, float* a, int rows, int start, int length, float* sums, float* room)
    {
        PackedShape packed = _problem.Packed;
        int vectors = packed.Vectors(panel);
        int width = vectors * TLanes.Count;
        RestingValues resting = _problem.Weight.From(group * packed.GroupFloats + packed.PanelOffset(panel) + (long)start * width);
        float* b = resting.Floats<TLanes, TVector>(length * width, room);
        for (int r = 0; r < rows;)
        {
            r += MicroKernel<TLanes, TVector>.Run(
                rows - r, _tallest, vectors, a + (long)r * MicroKernel<TLanes, TVector>.Stride, b, length, sums + (long)r * width, start == 0);
        }
    }

    private void Finish(int group, int panel, long row, int rows, float* sums, float* gates)
    {
        PackedShape packed = _problem.Packed;
        int width = packed.Vectors(panel) * TLanes.Count;
        int column = panel * packed.PanelWidth;
        int columns = Math.Min(packed.PanelWidth, (Gated ? packed.Columns / 2 : packed.Columns) - column);
        column += _problem.FirstColumn + (_problem.DoubledWidth == 0 ? group * packed.Columns : 0);
        for (int r = 0; r < rows; r++)
        {
            _problem.Epilogue.FinishRow<TLanes, TVector>(
                _problem.ResultRow(group, row + r), column, columns, sums + (long)r * width, gates is null ? null : gates + (long)r * width, _problem.Output, _problem.OutputStride);
        }
    }
}
