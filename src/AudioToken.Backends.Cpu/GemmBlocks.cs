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
    // 140 rows x 512 of A, their sums, and a panel of B: 0.7 MB of a second-level cache of 1 MB.
    private const int MostRows = GemmEngine.BlockRows;
    private const int MostColumns = 640;

    // A chunk packs its rows anew: below this many columns that shows.
    private const int FewestColumns = 256;

    // Enough parts that the last one ends soon after the others.
    private const int PartsPerThread = 6;

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
        Gated = problem.IsGated;

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
        if (_rowBlocks == 1 && _chunks > workers.Threads) // few parts: as many for each
            _chunks -= _chunks % workers.Threads;
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
        Step step = new() { Group = group, Row = row, Rows = rows, A = a, Room = sums + tile * tiles };
        int depth = _problem.Packed.Depth;
        for (int i = 0; i < _steps; i++)
        {
            step.Start = (int)((long)depth * i / _steps);
            step.End = (int)((long)depth * (i + 1) / _steps);
            step.IsLast = i == _steps - 1;
            _rows.Pack(group, row, rows, step.Start, step.Depth, a, stride);
            for (int p = panel; p < panelEnd; p++)
            {
                float* own = sums + (_steps == 1 ? 0 : p - panel) * tile;
                void* next = p + 1 < panelEnd ? Resting(step, p + 1, step.Start) : step.IsLast ? null : Resting(step, panel, step.End);
                float* gates = Gated ? own + tile / 2 : null;
                Products(step, p, own, Gated ? Resting(step, p + _panels, step.Start) : next, resultsNext: step.IsLast);
                if (Gated)
                    Products(step, p + _panels, gates, next, resultsNext: false);
                if (step.IsLast)
                    Finish(step, p, own, gates);
            }
        }
    }

    // A panel where it rests, from a depth on.
    private void* Resting(in Step step, int panel, int depth)
    {
        PackedShape packed = _problem.Packed;
        return _problem.Weight.From(step.Group * packed.GroupFloats + packed.PanelOffset(panel) + (long)depth * packed.Vectors(panel) * TLanes.Count).Address;
    }

    private void Products(in Step step, int panel, float* sums, void* next, bool resultsNext)
    {
        int vectors = _problem.Packed.Vectors(panel), depth = step.Depth;
        int width = vectors * TLanes.Count;
        float* b = new RestingValues(Resting(step, panel, step.Start), _problem.Weight.Type).Floats<TLanes, TVector>(depth * width, step.Room);

        // The first kernels ask for the next panel, a line a step of depth; the others for what is there already.
        byte* ahead = (byte*)next, aheadEnd = next is null ? ahead : ahead + (long)depth * width * _problem.Weight.Type.Size();
        for (int r = 0; r < step.Rows; ahead += (long)depth * CacheLines.Bytes)
        {
            float* a = step.A + (long)r * MicroKernel<TLanes, TVector>.Stride;
            if (resultsNext)
                AskForResults(step, panel, r, Math.Min(r + _tallest, step.Rows));
            r += MicroKernel<TLanes, TVector>.Run(
                step.Rows - r, _tallest, vectors, a, b, depth, sums + (long)r * width, step.Start == 0, ahead < aheadEnd ? ahead : (byte*)a);
        }
    }

    // What a panel's sums will be added to and replaced by.
    private void AskForResults(in Step step, int panel, int from, int to)
    {
        (int column, int columns) = ResultColumns(step.Group, panel);
        float* output = _problem.Output, residual = _problem.Epilogue.Residual;
        long stride = _problem.OutputStride;
        for (int r = from; r < to; r++)
        {
            long at = _problem.ResultRow(step.Group, step.Row + r) * stride + column;
            CacheLines.Ask(output + at, columns);
            if (residual is not null)
                CacheLines.Ask(residual + at, columns);
        }
    }

    private void Finish(in Step step, int panel, float* sums, float* gates)
    {
        int width = _problem.Packed.Vectors(panel) * TLanes.Count;
        (int column, int columns) = ResultColumns(step.Group, panel);
        if (_problem.DoubledWidth == 0)
        {
            _problem.Epilogue.FinishRows<TLanes, TVector>(step.Row, step.Rows, column, columns, sums, gates, width, _problem.Output, _problem.OutputStride);
            return;
        }

        for (int r = 0; r < step.Rows; r++)
        {
            _problem.Epilogue.FinishRows<TLanes, TVector>(
                _problem.ResultRow(step.Group, step.Row + r), 1, column, columns, sums + (long)r * width, gates is null ? null : gates + (long)r * width, width, _problem.Output, _problem.OutputStride);
        }
    }

    private (int First, int Count) ResultColumns(int group, int panel)
    {
        PackedShape packed = _problem.Packed;
        int column = panel * packed.PanelWidth;
        int count = Math.Min(packed.PanelWidth, (Gated ? packed.Columns / 2 : packed.Columns) - column);
        return (column + _problem.FirstColumn + (_problem.DoubledWidth == 0 ? group * packed.Columns : 0), count);
    }

    // One step of K for one block of rows.
    private struct Step
    {
        public int Group;
        public long Row;
        public int Rows;
        public int Start, End;
        public bool IsLast;
        public float* A;    // [Rows][Stride], packed
        public float* Room; // for a widened panel

        public readonly int Depth => End - Start;
    }
}
