using System.Buffers;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using AudioToken.Backends.Cuda.Driver;
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
            case WeightRole.GroupedConv1d:
                if (shape.Rank != 3 || shape[1] == 0 || shape[0] % shape[1] != 0)
                    throw BadShape(source, role, "[out, in / groups, k] with as many channels out as in");
                return LoadRows(source, role, shape[0], (long)shape[1] * shape[2], shape[2], Storage, pad: true);
            default:
                throw new ArgumentOutOfRangeException(nameof(role), role, "Not a weight role.");
        }
    }

    // The files that take long to compile, beside the reading of weights.
    private void ExpectKernels(WeightRole role)
    {
        if (_counts)
            return;
        if (role == WeightRole.Linear)
            _library.Expect("linear.cu", "project.cu", AttentionForm.For(_storage, AttentionForm.MaxWidth, packed: true).File + ".cu");
        else if (role == WeightRole.Conv2d)
            _library.Expect("conv2d.cu", "group_norm.cu");
        else if (role == WeightRole.GroupedConv1d)
            _library.Expect("grouped_conv1d.cu");
    }

    private static ShapeException BadShape(WeightSource source, WeightRole role, string wanted) =>
        new($"LoadWeight: '{source.Name}' is {source.Shape}; role {role} wants {wanted}.");

    // Rows of `depth` elements, [in, taps] in the file and [taps, in] on the device: the order in which windows lie in channels-last
    // memory. Padded rows begin at multiples of 16 bytes and end in zeros.
    private CudaWeight LoadRows(WeightSource source, WeightRole role, long rows, long depth, int taps, DType dtype, bool pad = false)
    {
        int length = checked((int)depth), stride = pad ? checked((length + 7) / 8 * 8) : length;
        long bytes = Math.Max(1, checked(rows * stride * dtype.Size()));
        DeviceBlock block = _weightMemory.Take(bytes);
        try
        {
            if (!_counts)
                Send(source, block.Pointer, rows, length, stride, taps, dtype);
            return new CudaWeight(this, source, role, block, dtype, length, stride);
        }
        catch
        {
            FreeWeight(block);
            throw;
        }
    }

    private void Send(WeightSource source, DevicePointer address, long rows, int depth, int stride, int taps, DType dtype)
    {
        if (depth == 0)
            return;
        if (dtype == DType.F32)
            Send<float>(source, address, rows, depth, stride, taps, dtype);
        else
            Send<ushort>(source, address, rows, depth, stride, taps, dtype);
    }

    // Read by several threads: one alone does not read as fast as the bus sends.
    private void Send<T>(WeightSource source, DevicePointer address, long rows, int depth, int stride, int taps, DType dtype)
        where T : unmanaged
    {
        bool asTheyLie = taps == 1 && stride == depth;
        if (asTheyLie)
            (rows, depth, stride) = (rows * depth, 1, 1);
        if ((long)stride * sizeof(T) > PinnedStaging.BufferBytes)
            throw new ShapeException($"LoadWeight: '{source.Name}' is {source.Shape}; a row has {depth} elements, more than {PinnedStaging.BufferBytes / sizeof(T)}.");
        _staging.Upload(rows * stride * sizeof(T), address, stride * sizeof(T), (first, count, to) =>
        {
            Span<T> sent = new((void*)to, count * stride);
            if (asTheyLie)
            {
                Read(source, first, sent, dtype);
                return;
            }

            T[] read = ArrayPool<T>.Shared.Rent(count * depth);
            Read(source, first * depth, read.AsSpan(0, count * depth), dtype);
            for (int row = 0; row < count; row++)
                Lay(read.AsSpan(row * depth, depth), sent.Slice(row * stride, stride), taps);
            ArrayPool<T>.Shared.Return(read);
        });
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
        // Rounded to nearest, ties to even.
        if (dtype == DType.F16)
            TensorPrimitives.ConvertToHalf(read, MemoryMarshal.Cast<T, Half>(to));
        else
            ToBrainFloat(read, halves);
        ArrayPool<float>.Shared.Return(values);
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
