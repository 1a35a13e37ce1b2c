namespace AudioToken.Backends.Cpu;

/// <summary>Some input channels of one panel of a 3x3 convolution's weight, summed to four 2x2 windows.</summary>
internal readonly unsafe struct DoublingSums<TLanes, TVector>(Doubling job, WorkerPool workers) : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private const int PartChannels = 64;

    private readonly Doubling _job = job;

    /// <summary>Number of parts.</summary>
    public int Parts => _job.Summed.Panels * PanelParts;

    private int PanelParts => (_job.Depth + PartChannels - 1) / PartChannels;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        (int panel, int part) = Math.DivRem(index, PanelParts);
        int width = _job.Summed.Vectors(panel) * TLanes.Count, first = part * PartChannels, channels = Math.Min(PartChannels, _job.Depth - first);
        float* room = (float*)workers.Scratch(worker, (long)NineTaps.Taps * channels * width * sizeof(float));
        NineTaps taps = NineTaps.Of<TLanes, TVector>(_job.Weight, _job.Packed, _job.FirstPanel + panel, first, channels, room);
        float* sums = _job.Sums + _job.Summed.PanelOffset(panel) + first * width;
        for (int at = 0; at < taps.Count; at += TLanes.Count)
            Sum(taps.From + at, taps.Tap, sums + at, _job.Depth * width);
    }

    private void Sum(float* from, int tap, float* to, int distance)
    {
        TVector* rows = stackalloc TVector[12]; // [2 phases][2 taps][3]
        for (int j = 0; j < 3; j++, from += tap)
            Sum(TLanes.Load(from), TLanes.Load(from + 3 * tap), TLanes.Load(from + 6 * tap), out rows[j], out rows[3 + j], out rows[6 + j], out rows[9 + j]);
        for (int y = 0; y < 4; y++)
        {
            Sum(rows[3 * y], rows[3 * y + 1], rows[3 * y + 2], out TVector w0, out TVector w12, out TVector w01, out TVector w2);
            float* even = to + y / 2 * 2 * _job.Summed.GroupFloats + y % 2 * 2 * distance;
            float* odd = even + _job.Summed.GroupFloats;
            TLanes.Store(w0, even);
            TLanes.Store(w12, even + distance);
            TLanes.Store(w01, odd);
            TLanes.Store(w2, odd + distance);
        }
    }

    // Three taps to the two of the even phase and the two of the odd one.
    private static void Sum(TVector w0, TVector w1, TVector w2, out TVector even0, out TVector even1, out TVector odd0, out TVector odd1)
    {
        even0 = w0;
        even1 = TLanes.Add(w1, w2);
        odd0 = TLanes.Add(w0, w1);
        odd1 = w2;
    }
}
