using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    // Sources are read in parts of about this many floats; a part holds whole panels.
    private const int StagingFloats = 1 << 20;

    // Above four blocks of rows, widening for each costs more than writing a weight of at most 16 MB and reading it back from the third-level cache.
    private const int WidenOnceRows = 4 * GemmEngine.BlockRows;
    private const int WidenOnceFloats = 4 << 20;

    private NativeBlock? _staging;
    private WeightSlab? _slab; // the one that is being filled

    /// <inheritdoc/>
    /// <remarks>Linear and Conv2d weights of an F16 or BF16 source rest as they are stored, two bytes a value, and are widened, exactly, where they
    /// are used; everything else rests in fp32.</remarks>
    /// <exception cref="ShapeException">The shape does not suit the role.</exception>
    public Weight LoadWeight(WeightSource source, WeightRole role)
    {
        ArgumentNullException.ThrowIfNull(source);
        ObjectDisposedException.ThrowIf(_disposed, this);
        Shape shape = source.Shape;
        switch (role)
        {
            case WeightRole.Vector:
                int wide = 0;
                for (int i = 0; i < shape.Rank; i++)
                    wide += shape[i] == 1 ? 0 : 1;
                return wide <= 1 ? LoadRows(source, role) : throw BadShape(source, role, "at most one extent other than 1");
            case WeightRole.Table:
                return shape.Rank == 2 ? LoadRows(source, role) : throw BadShape(source, role, "[rows, width]");
            case WeightRole.Linear:
                return shape.Rank == 2 ? LoadPanels(source, role, 1, 1, RestingValues.TypeFor(source)) : throw BadShape(source, role, "[out, in]");
            case WeightRole.Conv2d or WeightRole.DoublingConv2d:
                return shape.Rank == 4 ? LoadPanels(source, role, 1, shape[2] * shape[3], RestingValues.TypeFor(source)) : throw BadShape(source, role, "[out, in, kh, kw]");
            case WeightRole.GroupedConv1d:
                if (shape.Rank != 3 || shape[1] == 0 || shape[0] % shape[1] != 0)
                    throw BadShape(source, role, "[out, in / groups, k] with as many channels out as in");
                return LoadPanels(source, role, shape[0] / shape[1], shape[2], DType.F32);
            default:
                throw new ArgumentOutOfRangeException(nameof(role), role, "Not a weight role.");
        }
    }

    private static ShapeException BadShape(WeightSource source, WeightRole role, string wanted) =>
        new($"LoadWeight: '{source.Name}' is {source.Shape}; role {role} wants {wanted}.");

    private CpuWeight LoadRows(WeightSource source, WeightRole role)
    {
        // A span counts in an int; what a file claims may be more.
        const int Part = 1 << 28;
        long count = source.Shape.Count;
        NativeBlock block = NewWeightBlock(count, DType.F32);
        try
        {
            for (long start = 0; start < count && !_counts; start += Part)
                source.Read(start, new Span<float>((float*)block.Pointer + start, (int)Math.Min(Part, count - start)));
            return new CpuWeight(this, source, role, block);
        }
        catch
        {
            FreeWeightBlock(block);
            throw;
        }
    }

    // [out, in, taps] in the file becomes depth [taps, in] in the panels: the order in which windows lie in channels-last memory.
    private CpuWeight LoadPanels(WeightSource source, WeightRole role, int groups, int taps, DType type)
    {
        long depth = source.Shape.Count / Math.Max(1, source.Shape[0]);
        PackedShape packed = new(groups, source.Shape[0] / groups, checked((int)depth), _engine.VectorWidth);
        NativeBlock block = NewWeightBlock(packed.Floats, type);
        bool changed = false;
        try
        {
            int panels = (int)Math.Min(packed.Panels, Math.Max(1, StagingFloats / Math.Max(1, depth * packed.PanelWidth)));
            void* staging = _counts ? null : Staging(depth * packed.PanelWidth * panels * sizeof(float));
            for (int group = 0; group < groups && !changed && !_counts; group++)
            {
                for (int panel = 0; panel < packed.Panels && !changed; panel += panels)
                {
                    int column = panel * packed.PanelWidth;
                    int columns = Math.Min(panels * packed.PanelWidth, packed.Columns - column);
                    long first = ((long)group * packed.Columns + column) * depth;
                    int values = checked((int)(columns * depth));
                    bool asStored = type != DType.F32 && source.TryReadHalves(first, new Span<ushort>(staging, values));
                    if (!asStored)
                        source.Read(first, new Span<float>(staging, values));
                    _workers.Run(
                        Math.Min(panels, packed.Panels - panel),
                        new PanelPacking(staging, asStored, (byte*)block.Pointer + group * packed.GroupFloats * type.Size(), type, packed, panel, taps, &changed));
                }
            }

            if (!changed)
                return new CpuWeight(this, source, role, block, packed, type);
        }
        catch
        {
            FreeWeightBlock(block);
            throw;
        }

        // A source that gives what its type cannot hold.
        FreeWeightBlock(block);
        return LoadPanels(source, role, groups, taps, DType.F32);
    }

    // Room for a part of a source, the same for one weight after another: system memory that is taken and given back for each costs more than its packing.
    private void* Staging(long bytes)
    {
        if (_staging is null || _staging.Bytes < bytes)
        {
            FreeStaging();
            _staging = new NativeBlock(Math.Max(bytes, StagingFloats * sizeof(float)));
        }

        return _staging.Pointer;
    }

    private void FreeStaging()
    {
        _staging?.Dispose();
        _staging = null;
    }

    // A weight's values for a product of so many rows. Where each block of rows would widen them anew, they are widened once, into memory of the open scope.
    private RestingValues Widened(CpuWeight weight, long rows)
    {
        RestingValues values = weight.Values;
        if (values.IsWide || rows <= WidenOnceRows || weight.Packed.Floats > WidenOnceFloats)
            return values;
        float* wide = Working(weight.Packed.Floats);
        _engine.Widen(_workers, values, weight.Packed.Floats, wide);
        return new RestingValues(wide);
    }

    private NativeBlock NewWeightBlock(long values, DType type)
    {
        long bytes = checked(values * type.Size());
        NativeBlock block = _counts || bytes > WeightSlab.LargestPiece ? new NativeBlock(bytes, _counts) : Piece(bytes);
        WeightBytes += block.Bytes;
        _weightAllocations++;
        return block;
    }

    private NativeBlock Piece(long bytes)
    {
        if (_slab?.TryTake(bytes) is { } piece)
            return piece;
        _slab?.Dispose();
        _slab = null;
        _slab = new WeightSlab();
        return _slab.TryTake(bytes)!;
    }

    private void FreeWeightBlock(NativeBlock block)
    {
        WeightBytes -= block.Bytes;
        block.Dispose();
    }
}
