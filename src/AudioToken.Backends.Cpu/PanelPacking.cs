using System.Runtime.Intrinsics.X86;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>Turns rows [column][in][tap] into panels [tap][in][column], a panel a part.</summary>
/// <param name="source">The row of the first column of the first panel.</param>
/// <param name="asStored">Whether the source is in the type in which the panels rest; else it is in fp32.</param>
/// <param name="destination">The first panel of the group.</param>
/// <param name="type">The type in which the panels rest.</param>
/// <param name="packed">Layout of the panels.</param>
/// <param name="firstPanel">Panel of part 0.</param>
/// <param name="taps">Kernel positions; 1 for a plain matrix.</param>
/// <param name="changed">Set where a value has no equal in the type.</param>
internal readonly unsafe struct PanelPacking(
    void* source, bool asStored, void* destination, DType type, PackedShape packed, int firstPanel, int taps, bool* changed) : IParallelBody
{
    // Narrowed at a time.
    private const int BufferFloats = 2048;

    private readonly void* _source = source;
    private readonly void* _destination = destination;
    private readonly bool* _changed = changed;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        int panel = firstPanel + index, depth = packed.Depth;
        int width = packed.Vectors(panel) * packed.VectorWidth;
        int columns = Math.Min(width, packed.Columns - panel * packed.PanelWidth);
        long from = (long)index * packed.PanelWidth * depth;
        long to = packed.PanelOffset(panel);
        if (asStored)
        {
            Turn((ushort*)_source + from, columns, width, (ushort*)_destination + to);
            return;
        }

        float* rows = (float*)_source + from;
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

    // A panel as it is stored, eight rows by eight columns at a time, read in the order of the source.
    private void Turn(ushort* rows, int columns, int width, ushort* to)
    {
        const int Block = 8;
        int depth = packed.Depth, inputs = depth / taps, whole = Sse2.IsSupported ? columns / Block * Block : 0, d = 0;
        ushort** targets = stackalloc ushort*[Block];
        for (int tap = 0, i = 0; d < depth; d += Block)
        {
            int count = Math.Min(Block, depth - d);
            for (int k = 0; k < count; k++)
            {
                targets[k] = to + ((long)tap * inputs + i) * width;
                if (++tap == taps)
                    (tap, i) = (0, i + 1);
            }

            int c = 0;
            for (; c < whole && count == Block; c += Block)
                Transposition.Transpose8x8(rows + (long)c * depth + d, depth, targets, c);
            for (; c < width; c++)
            {
                for (int k = 0; k < count; k++)
                    targets[k][c] = c < columns ? rows[(long)c * depth + d + k] : (ushort)0;
            }
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
