using System.Buffers;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using AudioToken.Backends.Cuda.Memory;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

public sealed unsafe partial class CudaOps
{
    /// <inheritdoc/>
    /// <exception cref="ShapeException">The shape does not suit the role.</exception>
    public Weight LoadWeight(WeightSource source, WeightRole role)
    {
        ArgumentNullException.ThrowIfNull(source);
        Enter();
        ExpectKernels(role);
        Shape shape = source.Shape;
        switch (role)
        {
            case WeightRole.Vector:
                int wide = 0;
                for (int i = 0; i < shape.Rank; i++)
                    wide += shape[i] == 1 ? 0 : 1;
                return wide <= 1 ? LoadRows(source, role, 1, shape.Count, 1, DType.F32) : throw BadShape(source, role, "at most one extent other than 1");
            case WeightRole.Table:
                return shape.Rank == 2 ? LoadRows(source, role, shape[0], shape[1], 1, Storage) : throw BadShape(source, role, "[rows, width]");
            case WeightRole.Linear:
                return shape.Rank == 2 ? LoadRows(source, role, shape[0], shape[1], 1, Storage, pad: true) : throw BadShape(source, role, "[out, in]");
            case WeightRole.Conv2d:
                return shape.Rank == 4
                    ? LoadRows(source, role, shape[0], (long)shape[1] * shape[2] * shape[3], shape[2] * shape[3], Storage, pad: true)
                    : throw BadShape(source, role, "[out, in, kh, kw]");
            case WeightRole.DoublingConv2d:
                return shape.Rank == 4 && shape[2] == 3 && shape[3] == 3 ? LoadPhases(source, role) : throw BadShape(source, role, "[out, in, 3, 3]");
            case WeightRole.GroupedConv1d:
                if (shape.Rank != 3 || shape[1] == 0 || shape[0] % shape[1] != 0)
                    throw BadShape(source, role, "[out, in / groups, k] with as many channels out as in");
                return LoadRows(source, role, shape[0], (long)shape[1] * shape[2], shape[2], Storage, pad: true);
            default:
                throw new ArgumentOutOfRangeException(nameof(role), role, "Not a weight role.");
        }
    }

    // What takes long to compile comes with the first weight that wants it, all else with a weight that tells what is loaded: a sound's encoder, a picture's UNet or decoder.
    private void ExpectKernels(WeightRole role)
    {
        if (_counts)
            return;
        if (role == WeightRole.Linear)
            _library.Expect(AttentionForm.For(_storage, AttentionForm.MaxWidth, packed: true).File + ".cu", "linear.cu", "project.cu", "layer_norm.cu", "cast.cu");
        else if (role is WeightRole.Conv2d or WeightRole.DoublingConv2d)
            _library.Expect("conv2d.cu", "group_norm.cu", "group_norm_moments.cu");
        else if (role == WeightRole.GroupedConv1d)
            _library.Expect("grouped_conv1d.cu", "log_mel.cu", "relative_position_bias.cu", "relative_position_gate.cu", "mean_cosine.cu", "attention_pool.cu");
        if (role == WeightRole.DoublingConv2d)
        {
            _library.Expect(
                "token_embedding.cu", "timestep_embedding.cu", "repeat_batch.cu", "concat.cu", "select_rows.cu", "advance.cu", "first_fault.cu", "count_step.cu", "weighted_sum.cu", "rgb8.cu");
        }
    }

    private static ShapeException BadShape(WeightSource source, WeightRole role, string wanted) =>
        new($"LoadWeight: '{source.Name}' is {source.Shape}; role {role} wants {wanted}.");

    // Rows of `depth` elements, [in, taps] in the file and [taps, in] on the device: the order in which windows lie in channels-last
    // memory. Padded rows begin at multiples of 16 bytes and end in zeros.
    private CudaWeight LoadRows(WeightSource source, WeightRole role, int rows, long depth, int taps, DType dtype, bool pad = false) =>
        new(this, source, role, LoadRows(_weightMemory, source, rows, depth, taps, dtype, pad));

    private CudaRows LoadRows(DeviceMemory memory, WeightSource source, int count, long depth, int taps, DType dtype, bool pad)
    {
        int length = checked((int)depth), stride = pad ? Padded(length) : length;
        if (pad)
            RequireReach(count, stride, nameof(LoadWeight));
        return Filled(memory, count, length, stride, dtype, rows => Send(source, rows, taps));
    }

    // Products find the rows of a weight by 32 bits of bytes, of fp32 where it is widened.
    private static void RequireReach(int rows, int stride, string operation)
    {
        const long Most = uint.MaxValue / sizeof(float);
        if ((long)rows * stride > Most)
            throw TooLarge($"{operation}: a weight of {rows} rows of {stride} elements, products reach {Most}");
    }

    /// <summary>The rows of a weight of products that another form has replaced.</summary>
    internal CudaRows LoadLater(CudaWeight weight)
    {
        Enter();
        int taps = TapsOf(weight);
        return LoadRows(_laterMemory, weight.Kept!, weight.Shape[0], (long)taps * weight.Shape[1], taps, weight.Kept!.DType, pad: true);
    }

    private static int TapsOf(Weight weight) => weight.Role switch { WeightRole.Conv2d => weight.Shape[2] * weight.Shape[3], WeightRole.GroupedConv1d => weight.Shape[2], _ => 1 };

    // Takes memory for rows and has them sent.
    private CudaRows Filled(DeviceMemory memory, int count, int depth, int stride, DType dtype, Action<CudaRows> send)
    {
        DeviceBlock block = memory.Take(Math.Max(1, checked((long)count * stride * dtype.Size())));
        try
        {
            CudaRows rows = new(block, dtype, count, depth, stride);
            if (!_counts)
                send(rows);
            return rows;
        }
        catch
        {
            FreeWeight(block);
            throw;
        }
    }

    private static int Padded(int depth) => checked(depth + 7) / 8 * 8;

    private void Send(WeightSource source, CudaRows rows, int taps)
    {
        if (rows.Depth == 0)
            return;
        if (rows.Type == DType.F32)
            Send<float>(source, rows, taps);
        else
            Send<ushort>(source, rows, taps);
    }

    // Read by several threads: one alone does not read as fast as the bus sends.
    private void Send<T>(WeightSource source, CudaRows to, int taps)
        where T : unmanaged
    {
        if (taps == 1 && to.Stride == to.Depth)
        {
            // As they lie in the file.
            _staging.Upload((long)to.Count * to.Depth * sizeof(T), to.Block.Pointer, sizeof(T), (first, count, at) => Read(source, first, new Span<T>((void*)at, count), to.Type));
            return;
        }

        SendRows<T>(source, to, (first, count, sent) =>
        {
            T[] read = ArrayPool<T>.Shared.Rent(count * to.Depth);
            Read(source, first * to.Depth, read.AsSpan(0, count * to.Depth), to.Type);
            for (int row = 0; row < count; row++)
                Lay(read.AsSpan(row * to.Depth, to.Depth), sent.Slice(row * to.Stride, to.Stride), taps);
            ArrayPool<T>.Shared.Return(read);
        });
    }

    // Writes whole rows, given the first one's number and how many there is room for.
    private delegate void RowWriter<T>(long first, int count, Span<T> rows);

    private void SendRows<T>(WeightSource source, CudaRows to, RowWriter<T> write)
        where T : unmanaged
    {
        if ((long)to.Stride * sizeof(T) > PinnedStaging.BufferBytes)
            throw new ShapeException($"LoadWeight: '{source.Name}' is {source.Shape}; a row has {source.Shape.Count / to.Count} elements, more than {PinnedStaging.BufferBytes / sizeof(T)}.");
        _staging.Upload((long)to.Count * to.Stride * sizeof(T), to.Block.Pointer, to.Stride * sizeof(T), (first, count, at) => write(first, count, new Span<T>((void*)at, count * to.Stride)));
    }

    // Elements in the storage type, floats or the bits of a half type; those that lie so in the file are not widened to be rounded again.
    private static void Read<T>(WeightSource source, long start, Span<T> to, DType dtype)
        where T : unmanaged
    {
        if (dtype == DType.F32)
        {
            source.Read(start, MemoryMarshal.Cast<T, float>(to));
            return;
        }

        Span<ushort> halves = MemoryMarshal.Cast<T, ushort>(to);
        if (source.DType == dtype && source.TryReadHalves(start, halves))
            return;
        float[] values = ArrayPool<float>.Shared.Rent(to.Length);
        Span<float> read = values.AsSpan(0, to.Length);
        source.Read(start, read);
        Round(read, to, dtype);
        ArrayPool<float>.Shared.Return(values);
    }

    // To nearest, ties to even.
    private static void Round<T>(ReadOnlySpan<float> from, Span<T> to, DType dtype)
        where T : unmanaged
    {
        if (dtype == DType.F32)
            from.CopyTo(MemoryMarshal.Cast<T, float>(to));
        else if (dtype == DType.F16)
            TensorPrimitives.ConvertToHalf(from, MemoryMarshal.Cast<T, Half>(to));
        else
            ToBrainFloat(from, MemoryMarshal.Cast<T, ushort>(to));
    }

    private static void Lay<T>(ReadOnlySpan<T> from, Span<T> to, int taps)
    {
        int channels = from.Length / Math.Max(1, taps);
        for (int tap = 0; tap < taps; tap++)
        {
            for (int c = 0; c < channels; c++)
                to[(tap * channels) + c] = from[(c * taps) + tap];
        }

        to[from.Length..].Clear();
    }

    private static void ToBrainFloat(ReadOnlySpan<float> from, Span<ushort> to)
    {
        for (int i = 0; i < from.Length; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(from[i]);
            to[i] = float.IsNaN(from[i]) ? (ushort)0x7FC0 : (ushort)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
        }
    }
}
