using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>Turns rows [column][in][tap] into panels [tap][in][column], a panel a part.</summary>
/// <param name="source">The row of the first column of the first panel.</param>
/// <param name="destination">The first panel of the group.</param>
/// <param name="type">The type in which the panels rest.</param>
/// <param name="packed">Layout of the panels.</param>
/// <param name="firstPanel">Panel of part 0.</param>
/// <param name="taps">Kernel positions; 1 for a plain matrix.</param>
/// <param name="changed">Set where a value has no equal in the type.</param>
internal readonly unsafe struct PanelPacking(
    float* source, void* destination, DType type, PackedShape packed, int firstPanel, int taps, bool* changed) : IParallelBody
{
    // Narrowed at a time.
    private const int BufferFloats = 2048;

    private readonly float* _source = source;
    private readonly void* _destination = destination;
    private readonly bool* _changed = changed;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        int panel = firstPanel + index, depth = packed.Depth;
        int width = packed.Vectors(panel) * packed.VectorWidth;
        int columns = Math.Min(width, packed.Columns - panel * packed.PanelWidth);
        float* rows = _source + (long)index * packed.PanelWidth * depth;
        long to = packed.PanelOffset(panel);
        if (type == DType.F32)
        {
            Gather(rows, 0, depth, columns, width, (float*)_destination + to);
            return;
        }

        float* buffer = stackalloc float[BufferFloats];
        int most = BufferFloats / width;
        for (int start = 0; start < depth; start += most)
        {
            int count = Math.Min(most, depth - start), floats = count * width;
            Gather(rows, start, count, columns, width, buffer);
            if (!HalfTypes.TryNarrow(type, new ReadOnlySpan<float>(buffer, floats), new Span<ushort>((ushort*)_destination + to, floats)))
                Volatile.Write(ref *_changed, true);
            to += floats;
        }
    }

    // Some depths of a panel: [tap][in] from the given one on, of all columns.
    private void Gather(float* rows, int start, int count, int columns, int width, float* to)
    {
        if (taps == 1)
        {
            if (columns < width)
                new Span<float>(to, count * width).Clear();
            Transposition.Transpose(rows + start, packed.Depth, columns, count, to, width);
            return;
        }

        int inputs = packed.Depth / taps;
        for (int d = start; d < start + count; d++, to += width)
        {
            (int tap, int i) = Math.DivRem(d, inputs);
            float* from = rows + (long)i * taps + tap;
            int c = 0;
            for (; c < columns; c++, from += packed.Depth)
                to[c] = *from;
            for (; c < width; c++)
                to[c] = 0;
        }
    }
}
