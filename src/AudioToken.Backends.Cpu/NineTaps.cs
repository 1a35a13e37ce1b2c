namespace AudioToken.Backends.Cpu;

/// <summary>Some input channels of one panel of a 3x3 convolution's weight, at all nine taps.</summary>
internal static unsafe class NineTaps
{
    /// <summary>Taps of a 3x3 window.</summary>
    public const int Count = 9;

    /// <summary>Channels that are taken at a time.</summary>
    public const int PartChannels = 64;

    /// <summary>Parts of a panel.</summary>
    public static int PartsPerPanel(int depth) => (depth + PartChannels - 1) / PartChannels;

    /// <summary>The values as floats: where they lie, or else widened into the thread's buffer.</summary>
    /// <param name="weight">From the first value of the first tap on.</param>
    /// <param name="distance">Values from one tap to the next.</param>
    /// <param name="count">Values of each tap, a multiple of the vector.</param>
    /// <param name="workers">Owns the buffer.</param>
    /// <param name="worker">The calling thread.</param>
    /// <param name="tap">Floats from one tap of the result to the next.</param>
    public static float* Floats<TLanes, TVector>(RestingValues weight, int distance, int count, WorkerPool workers, int worker, out int tap)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        tap = weight.IsWide ? distance : count;
        float* room = weight.IsWide ? null : (float*)workers.Scratch(worker, (long)Count * count * sizeof(float));
        for (int i = 1; i < Count && !weight.IsWide; i++)
            weight.From((long)i * distance).Floats<TLanes, TVector>(count, room + i * count);
        return weight.Floats<TLanes, TVector>(count, room);
    }
}
