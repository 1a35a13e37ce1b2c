using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>Computes the products of <see cref="StrassenJob"/> and adds them up; a part is a block of pairs of rows and a pair of panels.</summary>
/// <remarks>A thread's parts are those of a few blocks: much of these lies in its own cache.</remarks>
internal readonly unsafe struct StrassenOutputs<TLanes, TVector> : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    // Right-hand operands that are sums.
    private const int Formed = 5;

    // While it is computed, results are asked for: those after it complete them.
    private const int AskingProduct = 4;

    private readonly StrassenJob _job;
    private readonly WorkerPool _workers;
    private readonly int _tallest, _blocks;
    private readonly bool _direct;

    /// <summary>Cuts the present run.</summary>
    public StrassenOutputs(StrassenJob job, WorkerPool workers, int tallest)
    {
        (_job, _workers, _tallest) = (job, workers, tallest);
        _direct = job.Problem.Epilogue.IsAddition;
        _blocks = job.Blocks(workers);
        Parts = checked(_blocks * job.PanelPairs);
    }

    /// <summary>Number of parts.</summary>
    public int Parts { get; }

    private static int Width => 2 * TLanes.Count;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        int block = index / _job.PanelPairs, panels = index % _job.PanelPairs;
        int first = (int)((long)_job.Pairs * block / _blocks), pairs = (int)((long)_job.Pairs * (block + 1) / _blocks) - first;
        long row = 2 * (_job.FirstPair + first), sums = 2L * pairs * Width; // floats of a panel's sums
        int widest = 2 * PackedRows.MostDepth * Width, operand = widest / 2 + CacheLines.Floats;
        float* scratch = (float*)_workers.Scratch(worker, (2 * sums + 2 * widest + Formed * operand + _tallest * Width) * sizeof(float));
        float* widened = scratch + 2 * sums, formed = widened + 2 * widest;
        long distance = _job.Distance;
        StrassenSums<TLanes, TVector> quarters = new() { PanelSums = sums, Tile = formed + Formed * operand };
        for (int step = 0; step < _job.Steps; step++)
        {
            int half = _job.Half(step), quarter = half * Width, lines = 0;
            float* left = Panel(panels, 0, step).Floats<TLanes, TVector>(2 * quarter, widened), right = Panel(panels, 1, step).Floats<TLanes, TVector>(2 * quarter, widened + widest);
            Form(left, right, quarter, formed, operand);
            (RestingValues nextLeft, RestingValues nextRight, int nextLines) = Next(panels, step);
            bool last = step == _job.Steps - 1;
            quarters.IsFirst = step == 0;
            quarters.IsLast = _direct && last;
            for (int product = 0; product < StrassenJob.Products; product++)
            {
                float* b = product switch
                {
                    < 3 => formed + product * operand,
                    3 => left,
                    4 => right + quarter,
                    _ => formed + (product - 2) * operand,
                };
                float* a = _job.Input(step, product, first);
                quarters.Sums = scratch;
                quarters.Results = Results(row, panels);
                for (int pair = 0; pair < pairs; lines += half)
                {
                    int height = RowKernel<TLanes, TVector>.Height(pairs - pair, _tallest);
                    RowResults made = quarters.Place(product);
                    if (last && product == AskingProduct)
                        quarters.Results.AskFor(2 * height, _job.Problem.IsGated ? Width : 2 * Width);
                    float* following = a + height * distance;

                    // The first kernels ask for the panels that come next, a line a step of depth, the others for the rows.
                    byte* ahead = lines < nextLines ? (byte*)nextLeft.Address + (long)lines * CacheLines.Bytes
                        : lines < 2 * nextLines ? (byte*)nextRight.Address + (long)(lines - nextLines) * CacheLines.Bytes
                        : (byte*)following;
                    RowKernel<TLanes, TVector>.Run(height, 2, a, distance, b, half, made, ahead);
                    quarters.Add(product, made, height);
                    quarters.Advance(height);
                    pair += height;
                    a = following;
                }
            }
        }

        if (!_direct)
            Finish(row, 2 * pairs, panels, scratch, sums);
    }

    // The right-hand operands that are sums, of the quarters of two panels.
    private static void Form(float* left, float* right, int quarter, float* to, long operand)
    {
        for (int i = 0; i < quarter; i += TLanes.Count, to += TLanes.Count)
        {
            TVector b11 = TLanes.Load(left + i), b21 = TLanes.Load(left + quarter + i), b12 = TLanes.Load(right + i), b22 = TLanes.Load(right + quarter + i);
            TLanes.Store(TLanes.Add(b11, b22), to);
            TLanes.Store(TLanes.Add(b11, b12), to + operand);
            TLanes.Store(TLanes.Add(b21, b22), to + 2 * operand);
            TLanes.Store(TLanes.Subtract(b12, b22), to + 3 * operand);
            TLanes.Store(TLanes.Subtract(b21, b11), to + 4 * operand);
        }
    }

    // The panels of the next step or part, and the lines of each; none after the last.
    private (RestingValues Left, RestingValues Right, int Lines) Next(int panels, int step)
    {
        (panels, step) = step + 1 < _job.Steps ? (panels, step + 1) : (panels + 1, 0);
        return panels == _job.PanelPairs ? default
            : (Panel(panels, 0, step), Panel(panels, 1, step), 2 * _job.Half(step) * Width * _job.Problem.Weight.Type.Size() / CacheLines.Bytes);
    }

    private void Finish(long row, int rows, int panels, float* left, long sums)
    {
        GemmProblem problem = _job.Problem;
        float* right = left + sums;
        problem.Epilogue.FinishRows<TLanes, TVector>(row, rows, Column(panels), Width, left, problem.IsGated ? right : null, Width, problem.Output, problem.OutputStride);
        if (!problem.IsGated)
            problem.Epilogue.FinishRows<TLanes, TVector>(row, rows, Column(panels) + Width, Width, right, null, Width, problem.Output, problem.OutputStride);
    }

    // Of a row and the next ones, in the columns of a pair of panels.
    private RowResults Results(long row, int panels)
    {
        TileEpilogue epilogue = _job.Problem.Epilogue;
        long at = row * _job.Problem.OutputStride + Column(panels);
        return new RowResults
        {
            Output = _job.Problem.Output + at,
            Bias = epilogue.Bias is null ? null : epilogue.Bias + Column(panels),
            Residual = epilogue.Residual is null ? null : epilogue.Residual + at,
            Stride = _job.Problem.OutputStride,
            Factor = epilogue.ResidualScale,
        };
    }

    private int Column(int panels) => _job.Problem.FirstColumn + (_job.Problem.IsGated ? panels : 2 * panels) * Width;

    // One of a pair of panels, from a step of depth on.
    private RestingValues Panel(int panels, int side, int step)
    {
        int panel = _job.Problem.IsGated ? panels + side * _job.PanelPairs : 2 * panels + side;
        return _job.Problem.Weight.From(_job.Problem.Packed.PanelOffset(panel) + (long)_job.Start(step) * Width);
    }
}
