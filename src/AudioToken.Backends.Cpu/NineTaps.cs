namespace AudioToken.Backends.Cpu;

/// <summary>Some input channels of one panel of a 3x3 convolution's weight, as floats: where they lie, or else widened into the thread's buffer.</summary>
internal readonly unsafe struct NineTaps
{
    /// <summary>Taps of a 3x3 window.</summary>
    public const int Taps = 9;

    private const int PartChannels = 64;

    private NineTaps(float* from, int tap, int count, int distance, long offset)
    {
        From = from;
        (Tap, Count, Distance, Offset) = (tap, count, distance, offset);
    }

    /// <summary>The values of the first tap.</summary>
    public float* From { get; }

    /// <summary>Floats from one tap to the next.</summary>
    public int Tap { get; }

    /// <summary>Values of each tap, a multiple of the vector.</summary>
    public int Count { get; }

    /// <summary>Values of all channels at one tap of the panel.</summary>
    public int Distance { get; }

    /// <summary>Where the part begins in the run of panels that is made of it.</summary>
    public long Offset { get; }

    /// <summary>Parts of some panels.</summary>
    public static int Parts(int panels, int depth) => panels * PerPanel(depth);

    /// <summary>Takes a part.</summary>
    /// <param name="weight">Panels of [9 taps][depth][width].</param>
    /// <param name="packed">How they lie.</param>
    /// <param name="firstPanel">Panel of part 0.</param>
    /// <param name="result">Layout of the run of panels that is made of them.</param>
    /// <param name="index">Number of the part.</param>
    /// <param name="workers">Owns the buffer.</param>
    /// <param name="worker">The calling thread.</param>
    public static NineTaps Part<TLanes, TVector>(
        RestingValues weight, PackedShape packed, int firstPanel, PackedShape result, int index, WorkerPool workers, int worker)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        int depth = packed.Depth / Taps;
        (int panel, int part) = Math.DivRem(index, PerPanel(depth));
        int width = result.Vectors(panel) * TLanes.Count;
        int first = part * PartChannels, last = Math.Min(depth, first + PartChannels);
        int start = first * width, count = (last - first) * width, distance = depth * width;
        weight = weight.From(packed.PanelOffset(firstPanel + panel) + start);
        float* room = weight.IsWide ? null : (float*)workers.Scratch(worker, (long)Taps * count * sizeof(float));
        for (int i = 1; i < Taps && !weight.IsWide; i++)
            weight.From((long)i * distance).Floats<TLanes, TVector>(count, room + i * count);
        return new NineTaps(weight.Floats<TLanes, TVector>(count, room), weight.IsWide ? distance : count, count, distance, result.PanelOffset(panel) + start);
    }

    private static int PerPanel(int depth) => (depth + PartChannels - 1) / PartChannels;
}
