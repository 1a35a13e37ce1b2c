namespace AudioToken.Backends.Cpu;

/// <summary>First pass: windows and gradients of some tiles, transformed.</summary>
internal readonly unsafe struct WinogradGradientInputs<TLanes, TVector>(WinogradGradientJob job, WorkerPool workers) : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private const int PartTiles = 8;
    private readonly WinogradGradientJob _job = job;

    /// <summary>Number of parts.</summary>
    public int Parts => (_job.Tiles + PartTiles - 1) / PartTiles;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        TVector* part = (TVector*)workers.Scratch(worker, (long)WinogradJob.MostPoints * sizeof(TVector));
        WinogradGradientTiles<TLanes, TVector> tiles = new()
        {
            Windows = _job.Windows,
            Dy = _job.Dy,
            Outputs = _job.Outputs,
            InputStride = _job.InputStride,
            SlopeStride = _job.SlopeStride,
        };
        for (int tile = index * PartTiles; tile < Math.Min(_job.Tiles, (index + 1) * PartTiles); tile++)
            tiles.Transform(_job.FirstTile + tile, _job.Inputs + (long)tile * _job.Windows.Depth, _job.Slopes + (long)tile * _job.Outputs, part);
    }
}

/// <summary>Second pass: the products of a block of outputs, added to its sums; after the last run of tiles these are transformed to taps in the order of the
/// weight's file.</summary>
/// <remarks>By outputs, not by points: a block's sums stay in one thread's cache until they are taps.</remarks>
internal readonly unsafe struct WinogradGradientOutputs<TLanes, TVector>(WinogradGradientJob job, WorkerPool workers, bool tall) : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private const int Taps = 9;
    private readonly WinogradGradientJob _job = job;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        int depth = _job.Windows.Depth, first = index * WinogradGradientJob.BlockOutputs, outputs = Math.Min(WinogradGradientJob.BlockOutputs, _job.Outputs - first);
        float* sums = _job.Sums + index * _job.BlockFloats;
        for (int point = 0; point < WinogradJob.MostPoints; point++)
        {
            float* slopes = _job.Slopes + point * _job.SlopeStride + first, inputs = _job.Inputs + point * _job.InputStride;
            for (int c = 0; c < depth; c += 2 * TLanes.Count)
            {
                ColumnKernel<TLanes, TVector>.Run(
                    outputs, tall, Math.Min(2, (depth - c) / TLanes.Count), slopes, _job.Outputs, inputs + c, depth, _job.Tiles,
                    sums + point * _job.SumStride + (long)outputs * c, _job.FirstTile == 0);
            }
        }

        if (_job.FirstTile + _job.Tiles < _job.AllTiles)
            return;
        TVector* part = (TVector*)workers.Scratch(worker, (WinogradJob.MostPoints * (long)sizeof(TVector)) + ((long)Taps * depth * sizeof(float)));
        float* taps = (float*)(part + WinogradJob.MostPoints); // [tap][channel]
        for (int output = 0; output < outputs; output++)
        {
            for (int c = 0; c < depth; c += TLanes.Count)
            {
                int panel = c / (2 * TLanes.Count) * 2 * TLanes.Count, width = Math.Min(2 * TLanes.Count, depth - panel);
                WinogradGradient<TLanes, TVector>.TapTile(sums + (long)outputs * panel + (long)output * width + c - panel, _job.SumStride, taps + c, depth, part);
            }

            Transposition.Transpose(taps, depth, Taps, depth, _job.Result + (long)(first + output) * depth * Taps, Taps);
        }
    }
}
