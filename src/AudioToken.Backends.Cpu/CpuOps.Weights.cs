using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    /// <inheritdoc/>
    public Weight LoadWeight(WeightSource source, WeightRole role)
    {
        ArgumentNullException.ThrowIfNull(source);
        ObjectDisposedException.ThrowIf(_disposed, this);
        return role switch
        {
            WeightRole.Vector => LoadRows(source, role),
            WeightRole.Table when source.Shape.Rank == 2 => LoadRows(source, role),
            _ => throw new NotSupportedException($"{role}"),
        };
    }

    private CpuWeight LoadRows(WeightSource source, WeightRole role)
    {
        long count = source.Shape.Count;
        NativeBlock block = NewWeightBlock(count);
        try
        {
            // A span counts in an int; tables are far smaller, but a file may claim anything.
            const int Part = 1 << 28;
            for (long start = 0; start < count; start += Part)
                source.Read(start, new Span<float>((float*)block.Pointer + start, (int)Math.Min(Part, count - start)));
            return new CpuWeight(this, source, role, block);
        }
        catch
        {
            FreeWeightBlock(block);
            throw;
        }
    }

    private NativeBlock NewWeightBlock(long floats)
    {
        NativeBlock block = new(checked(floats * sizeof(float)));
        WeightBytes += block.Bytes;
        _weightAllocations++;
        return block;
    }

    private void FreeWeightBlock(NativeBlock block)
    {
        WeightBytes -= block.Bytes;
        block.Dispose();
    }
}
