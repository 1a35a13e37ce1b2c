namespace AudioToken.Backends.Cpu;

/// <summary>Forms the left-hand operands of <see cref="StrassenJob"/>, some pairs of rows a part.</summary>
internal readonly unsafe struct StrassenInputs<TLanes, TVector>(StrassenJob job) : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private const int PartPairs = 16;
    private readonly StrassenJob _job = job;

    /// <summary>Number of parts.</summary>
    public int Parts => (_job.Pairs + PartPairs - 1) / PartPairs;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        int end = Math.Min((index + 1) * PartPairs, _job.Pairs);
        long operand = (long)_job.Pairs * _job.Distance;
        for (int pair = index * PartPairs; pair < end; pair++)
        {
            float* upper = _job.Rows.Row(0, 2 * (_job.FirstPair + pair));
            for (int step = 0; step < _job.Steps; step++)
                Form(upper + _job.Start(step), _job.Rows.Stride, _job.Half(step), _job.Input(step, 0, pair), operand);
        }
    }

    private static void Form(float* upper, long stride, int half, float* to, long operand)
    {
        float* lower = upper + stride;
        for (int c = 0; c < half; c += TLanes.Count, to += TLanes.Count)
        {
            TVector a11 = TLanes.Load(upper + c), a12 = TLanes.Load(upper + half + c), a21 = TLanes.Load(lower + c), a22 = TLanes.Load(lower + half + c);
            TLanes.Store(TLanes.Add(a11, a22), to);
            TLanes.Store(TLanes.Subtract(a21, a11), to + operand);
            TLanes.Store(TLanes.Subtract(a12, a22), to + 2 * operand);
            TLanes.Store(TLanes.Add(a21, a22), to + 3 * operand);
            TLanes.Store(TLanes.Add(a11, a12), to + 4 * operand);
            TLanes.Store(a11, to + 5 * operand);
            TLanes.Store(a22, to + 6 * operand);
        }
    }
}
