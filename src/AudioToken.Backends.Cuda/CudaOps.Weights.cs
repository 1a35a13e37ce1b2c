using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Backends.Cuda.Memory;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

public sealed unsafe partial class CudaOps
{
    // Sources are read and sent in parts of about this many elements.
    private const int StagingElements = 1 << 22;

    private float[] _read = [], _laid = [];
    private ushort[] _readHalves = [], _laidHalves = [];
    private byte[] _staged = [];

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
            if (_counts)
                return new CudaWeight(this, source, role, block, dtype, length, stride);
            if (taps == 1 && stride == length)
                SendFlat(source, block.Pointer, rows * depth, dtype);
            else
                SendRows(source, block.Pointer, rows, length, stride, taps, dtype);
            return new CudaWeight(this, source, role, block, dtype, length, stride);
        }
        catch
        {
            FreeWeight(block);
            throw;
        }
    }

    private void SendFlat(WeightSource source, DevicePointer address, long count, DType dtype)
    {
        for (long start = 0; start < count; start += StagingElements)
        {
            int part = (int)Math.Min(StagingElements, count - start);
            if (ReadHalves(source, start, part, dtype))
            {
                _staging.Upload(MemoryMarshal.AsBytes(_readHalves.AsSpan(0, part)), address + (start * dtype.Size()));
                continue;
            }

            source.Read(start, Room(ref _read, part).AsSpan(0, part));
            _staging.Upload(Narrowed(_read, part, dtype), address + (start * dtype.Size()));
        }
    }

    private void SendRows(WeightSource source, DevicePointer address, long rows, int depth, int stride, int taps, DType dtype)
    {
        int atOnce = (int)Math.Min(rows, Math.Max(1, StagingElements / Math.Max(1, stride)));
        for (long first = 0; first < rows; first += atOnce)
        {
            int count = (int)Math.Min(atOnce, rows - first);
            DevicePointer to = address + (first * stride * dtype.Size());
            if (ReadHalves(source, first * depth, count * depth, dtype))
            {
                Lay(_readHalves, Room(ref _laidHalves, count * stride), count, depth, stride, taps);
                _staging.Upload(MemoryMarshal.AsBytes(_laidHalves.AsSpan(0, count * stride)), to);
                continue;
            }

            source.Read(first * depth, Room(ref _read, count * depth).AsSpan(0, count * depth));
            Lay(_read, Room(ref _laid, count * stride), count, depth, stride, taps);
            _staging.Upload(Narrowed(_laid, count * stride, dtype), to);
        }
    }

    // Elements that lie in the file as they shall on the device, not widened to be rounded again.
    private bool ReadHalves(WeightSource source, long start, int count, DType dtype) =>
        dtype != DType.F32 && source.DType == dtype && source.TryReadHalves(start, Room(ref _readHalves, count).AsSpan(0, count));

    private static void Lay<T>(T[] read, T[] laid, int count, int depth, int stride, int taps)
    {
        int channels = depth / Math.Max(1, taps);
        Parallel.For(0, count, row =>
        {
            ReadOnlySpan<T> from = read.AsSpan(row * depth, depth);
            Span<T> to = laid.AsSpan(row * stride, stride);
            for (int tap = 0; tap < taps; tap++)
            {
                for (int c = 0; c < channels; c++)
                    to[(tap * channels) + c] = from[(c * taps) + tap];
            }

            to[depth..].Clear();
        });
    }

    private static T[] Room<T>(ref T[] room, int count) => room.Length >= count ? room : room = new T[count];

    // The values in the storage type, rounded to nearest, ties to even.
    private ReadOnlySpan<byte> Narrowed(float[] values, int count, DType dtype)
    {
        const int Part = 1 << 16;
        if (dtype == DType.F32)
            return MemoryMarshal.AsBytes(values.AsSpan(0, count));
        byte[] staged = Room(ref _staged, count * 2);
        Parallel.For(0, (count + Part - 1) / Part, part =>
        {
            int first = part * Part, length = Math.Min(Part, count - first);
            ReadOnlySpan<float> from = values.AsSpan(first, length);
            Span<byte> to = staged.AsSpan(first * 2, length * 2);
            if (dtype == DType.F16)
                TensorPrimitives.ConvertToHalf(from, MemoryMarshal.Cast<byte, Half>(to));
            else
                ToBrainFloat(from, MemoryMarshal.Cast<byte, ushort>(to));
        });
        return staged.AsSpan(0, count * 2);
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
