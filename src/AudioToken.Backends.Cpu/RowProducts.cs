using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>A matrix product of small depth, cut into blocks of rows and chunks of columns: rows are read as they lie, and where the epilogue
/// is a bias and a residual, results go from the registers to their place.</summary>
/// <remarks>How blocks are cut does not show in the result.</remarks>
internal readonly unsafe struct RowProducts<TLanes, TVector> : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    // Of a greater depth, a block of rows outgrows the second-level cache.
    private const int MostDepth = 1280;

    // Enough parts that the last one ends soon after the others.
    private const int PartsPerThread = 6;

    // Below these, a part reads its panels, or its rows, too often; or widens panels too often.
    private const int FewestRows = 28, FewestWidenedRows = 56, FewestPanels = 4;

    private readonly WorkerPool _workers;
    private readonly GemmProblem _problem;
    private readonly MatrixRows _rows;
    private readonly int _tallest, _panels, _rowBlocks, _chunks;
    private readonly bool _gated, _direct;

    /// <summary>Cuts a product.</summary>
    public RowProducts(WorkerPool workers, in GemmProblem problem, MatrixRows rows, int tallest)
    {
        (_workers, _problem, _rows, _tallest) = (workers, problem, rows, tallest);
        PackedShape packed = problem.Packed;
        _gated = problem.IsGated;
        _direct = problem.Epilogue.IsAddition;
        _panels = _gated ? packed.Panels / 2 : packed.Panels; // a gated one is a panel of values and its panel of gates
        long wanted = Math.Max(1, (long)PartsPerThread * workers.Threads / packed.Groups), most = Math.Max(1, problem.Rows / (problem.Weight.IsWide ? FewestRows : FewestWidenedRows));
        long blocks = workers.Even((problem.Rows + GemmEngine.BlockRows - 1) / GemmEngine.BlockRows, most);
        _chunks = (int)Math.Clamp((wanted + blocks - 1) / Math.Max(blocks, 1), 1, Math.Max(1, _panels / FewestPanels));
        if (blocks * _chunks < wanted)
            blocks = workers.Even(Math.Min(most, (wanted + _chunks - 1) / _chunks), most);
        _rowBlocks = checked((int)blocks);
        Count = checked(packed.Groups * _rowBlocks * _chunks);
    }

    /// <summary>Number of parts.</summary>
    public int Count { get; }

    /// <summary>Whether a product is one of these.</summary>
    public static bool Suits(in GemmProblem problem) => problem.Packed.Depth <= MostDepth;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        // Row blocks vary fastest: threads then work on the same columns of B at a time.
        int block = index % _rowBlocks, chunk = index / _rowBlocks % _chunks, group = index / _rowBlocks / _chunks;
        long row = Cut(block), end = Cut(block + 1);
        int first = (int)((long)_panels * chunk / _chunks), last = (int)((long)_panels * (chunk + 1) / _chunks);
        if (row == end || first == last)
            return;
        int rows = (int)(end - row), width = _problem.Packed.PanelWidth, depth = _problem.Packed.Depth;
        long tile = (long)rows * width;
        float* sums = (float*)_workers.Scratch(worker, (2 * tile + (long)depth * width) * sizeof(float)), gates = sums + tile;
        for (int panel = first; panel < last; panel++)
        {
            (int column, int columns) = ResultColumns(group, panel);
            bool whole = columns == _problem.Packed.Vectors(panel) * TLanes.Count;
            int next = panel + 1 < last ? panel + 1 : -1;
            if (_direct && whole)
            {
                long at = row * _problem.OutputStride + column;
                TileEpilogue epilogue = _problem.Epilogue;
                Products(group, row, rows, panel, next, panel == first, gates + tile, new RowResults
                {
                    Output = _problem.Output + at,
                    Bias = epilogue.Bias is null ? null : epilogue.Bias + column,
                    Residual = epilogue.Residual is null ? null : epilogue.Residual + at,
                    Stride = _problem.OutputStride,
                    Factor = epilogue.ResidualScale,
                });
                continue;
            }

            width = _problem.Packed.Vectors(panel) * TLanes.Count;
            Products(group, row, rows, panel, _gated ? panel + _panels : next, panel == first, gates + tile, new RowResults { Output = sums, Stride = width });
            if (_gated)
                Products(group, row, rows, panel + _panels, next, false, gates + tile, new RowResults { Output = gates, Stride = width });
            _problem.Epilogue.FinishRows<TLanes, TVector>(row, rows, column, columns, sums, _gated ? gates : null, width, _problem.Output, _problem.OutputStride);
        }
    }

    // All rows of a block with one panel.
    private void Products(int group, long row, int rows, int panel, int next, bool fresh, float* room, RowResults results)
    {
        int vectors = _problem.Packed.Vectors(panel), depth = _problem.Packed.Depth, width = vectors * TLanes.Count;
        RestingValues resting = Resting(group, panel);
        float* b = resting.Floats<TLanes, TVector>(depth * width, room), a = _rows.Row(group, row);

        // The first kernels ask for the next panel, a line a step of depth, but those that come upon rows nobody has read yet for the next rows.
        byte* ahead = next < 0 ? null : (byte*)Resting(group, next).Address, aheadEnd = next < 0 ? null : ahead + (long)depth * width * resting.Type.Size();
        for (int left = rows; left > 0;)
        {
            int height = RowKernel<TLanes, TVector>.Height(left, _tallest);
            AskForResults(results, height, width);
            left -= height;
            byte* asked = fresh && left > 0 ? (byte*)(a + height * _rows.Stride) : ahead < aheadEnd ? ahead : (byte*)a;
            Sum(height, vectors, a, b, results, asked);
            ahead += (long)depth * CacheLines.Bytes;
            a += height * _rows.Stride;
            results.Output += height * results.Stride;
            if (results.Residual is not null)
                results.Residual += height * results.Stride;
        }
    }

    // Step by step of depth: a long chain of additions rounds more than the sum of shorter ones.
    private void Sum(int height, int vectors, float* a, float* b, RowResults results, byte* ahead)
    {
        int depth = _problem.Packed.Depth, steps = Math.Max(1, (depth + MicroKernel<TLanes, TVector>.MaxDepth - 1) / MicroKernel<TLanes, TVector>.MaxDepth), start = 0;
        for (int step = 1; step <= steps; step++)
        {
            int end = (int)((long)depth * step / steps);
            RowKernel<TLanes, TVector>.Run(height, vectors, a + start, _rows.Stride, b + start * vectors * TLanes.Count, end - start, results, ahead);
            ahead += (long)(end - start) * CacheLines.Bytes;
            start = end;
            results.Bias = null;
            results.Residual = results.Output;
            results.Factor = 1;
        }
    }

    private static void AskForResults(in RowResults results, int rows, int width)
    {
        float* output = results.Output, residual = results.Residual;
        for (int r = 0; r < rows; r++, output += results.Stride)
        {
            CacheLines.Ask(output, width);
            if (residual is null)
                continue;
            CacheLines.Ask(residual, width);
            residual += results.Stride;
        }
    }

    // A panel where it rests.
    private RestingValues Resting(int group, int panel) => _problem.Weight.From(group * _problem.Packed.GroupFloats + _problem.Packed.PanelOffset(panel));

    private (int First, int Count) ResultColumns(int group, int panel)
    {
        PackedShape packed = _problem.Packed;
        int column = panel * packed.PanelWidth;
        int count = Math.Min(packed.PanelWidth, (_gated ? packed.Columns / 2 : packed.Columns) - column);
        return (column + _problem.FirstColumn + group * packed.Columns, count);
    }

    // Even numbers of rows, which heights of fourteen and eight make up.
    private long Cut(int block) => block == _rowBlocks ? _problem.Rows : _problem.Rows * block / _rowBlocks / 2 * 2;
}
