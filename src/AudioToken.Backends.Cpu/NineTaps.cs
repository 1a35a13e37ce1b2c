using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>Some input channels of one panel of a 3x3 convolution's weight, as floats: where they lie, or else widened into the thread's buffer.</summary>
internal readonly unsafe struct NineTaps
{
    /// <summary>Taps of a 3x3 window.</summary>
    public const int Taps = 9;

    private NineTaps(float* from, int tap, int count)
    {
        From = from;
        (Tap, Count) = (tap, count);
    }

    /// <summary>The values of the first tap.</summary>
    public float* From { get; }

    /// <summary>Floats from one tap to the next.</summary>
    public int Tap { get; }

    /// <summary>Values of each tap, a multiple of the vector.</summary>
    public int Count { get; }

    /// <summary>Takes some channels.</summary>
    /// <param name="weight">Panels of [9 taps][depth][width].</param>
    /// <param name="packed">How they lie.</param>
    /// <param name="panel">Number of the panel.</param>
    /// <param name="first">First channel.</param>
    /// <param name="channels">How many.</param>
    /// <param name="room">Room for their nine taps; not used for fp32.</param>
    public static NineTaps Of<TLanes, TVector>(RestingValues weight, PackedShape packed, int panel, int first, int channels, float* room)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        int width = packed.Vectors(panel) * TLanes.Count, count = channels * width, distance = packed.Depth / Taps * width;
        weight = weight.From(packed.PanelOffset(panel) + first * width);
        if (weight.IsWide)
            return new NineTaps((float*)weight.Address, distance, count);
        for (int i = 0; i < Taps; i++)
            weight.From((long)i * distance).Floats<TLanes, TVector>(count, room + i * count);
        return new NineTaps(room, count, count);
    }

    /// <summary>A run of the lines in which a part of the channels rests, all nine taps; null past the last.</summary>
    /// <param name="weight">Panels of [9 taps][depth][width].</param>
    /// <param name="packed">How they lie.</param>
    /// <param name="panel">Number of the panel.</param>
    /// <param name="first">First channel of the part.</param>
    /// <param name="run">Number of the run.</param>
    /// <param name="lines">Lines of a run.</param>
    public static byte* Lines(RestingValues weight, PackedShape packed, int panel, int first, int run, int lines)
    {
        int depth = packed.Depth / Taps, channels = Math.Min(depth - first, PartRows.MostDepth);
        if (channels <= 0)
            return null;
        int width = packed.Vectors(panel) * packed.VectorWidth, bytes = lines * CacheLines.Bytes;
        (int tap, run) = Math.DivRem(run, (channels * width * weight.Type.Size() + bytes - 1) / bytes);
        return tap < Taps ? (byte*)weight.From(packed.PanelOffset(panel) + ((long)tap * depth + first) * width).Address + run * bytes : null;
    }
}
