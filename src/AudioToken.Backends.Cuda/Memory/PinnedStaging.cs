using System.Runtime.ExceptionServices;
using AudioToken.Backends.Cuda.Driver;

namespace AudioToken.Backends.Cuda.Memory;

/// <summary>Copies between pageable and device memory through two page-locked buffers: while the device reads one, the other is filled.</summary>
internal sealed unsafe class PinnedStaging : IDisposable
{
    /// <summary>Size of one buffer: large enough for the bus to run at full speed.</summary>
    public const int BufferBytes = 8 << 20;

    // What a thread writes at once: a buffer is written by eight.
    private const int PartBytes = BufferBytes / 8;

    private readonly CudaContext _context;
    private readonly void*[] _buffers = new void*[2];
    private readonly CudaEvent[] _done = new CudaEvent[2];
    private int _next;

    /// <summary>Takes the two buffers.</summary>
    /// <exception cref="CudaException">The system gives no page-locked memory.</exception>
    public PinnedStaging(CudaContext context)
    {
        _context = context;
        try
        {
            for (int i = 0; i < _buffers.Length; i++)
            {
                context.Check(CudaDriver.cuMemHostAlloc(out _buffers[i], BufferBytes, 0), nameof(CudaDriver.cuMemHostAlloc));
                _done[i] = new CudaEvent(context);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Copies to the device. The source may be changed afterwards; the copy itself is done in the order of the stream.</summary>
    public void Upload<T>(ReadOnlySpan<T> source, DevicePointer to)
        where T : unmanaged
    {
        int most = BufferBytes / sizeof(T); // by elements: an int counts not all bytes of a large tensor
        for (long at = 0; at < source.Length; at += most)
        {
            int count = (int)Math.Min(most, source.Length - at), turn = Turn();
            source.Slice((int)at, count).CopyTo(new Span<T>(_buffers[turn], count));
            Send(turn, to + at * sizeof(T), count * sizeof(T));
        }
    }

    /// <summary>Copies to the device what several threads write into the buffers at once.</summary>
    /// <param name="bytes">Of all, whole units.</param>
    /// <param name="to">Where the first one goes.</param>
    /// <param name="unit">Bytes that one thread writes together; <see cref="BufferBytes"/> at most.</param>
    /// <param name="write">Given the first unit and the number of units, and where they go. What it throws is thrown here, of several parts the first one's.</param>
    public void Upload(long bytes, DevicePointer to, int unit, Action<long, int, nint> write)
    {
        int part = Math.Max(1, PartBytes / unit) * unit, most = BufferBytes / part * part;
        for (long at = 0; at < bytes; at += most)
        {
            int count = (int)Math.Min(most, bytes - at), turn = Turn();
            long start = at;
            nint buffer = (nint)_buffers[turn];
            Exception?[] failures = new Exception?[(count + part - 1) / part];
            Parallel.For(0, failures.Length, index =>
            {
                int offset = index * part;
                try
                {
                    write((start + offset) / unit, Math.Min(part, count - offset) / unit, buffer + offset);
                }
                catch (Exception failure)
                {
                    failures[index] = failure;
                }
            });
            if (Array.Find(failures, failure => failure is not null) is { } first)
                ExceptionDispatchInfo.Throw(first);
            Send(turn, to + at, count);
        }
    }

    /// <summary>Waits for all work before, and copies from the device.</summary>
    public void Download<T>(DevicePointer from, Span<T> destination)
        where T : unmanaged
    {
        int most = BufferBytes / sizeof(T);
        for (long at = 0; at < destination.Length; at += most)
        {
            int count = (int)Math.Min(most, destination.Length - at), turn = Turn();
            ulong source = (from + at * sizeof(T)).Address;
            _context.Check(CudaDriver.cuMemcpyDtoHAsync_v2(_buffers[turn], source, (nuint)(count * sizeof(T)), _context.Stream), nameof(CudaDriver.cuMemcpyDtoHAsync_v2));
            _context.Synchronize();
            new ReadOnlySpan<T>(_buffers[turn], count).CopyTo(destination.Slice((int)at, count));
        }
    }

    /// <summary>Gives the buffers back, once the device is done with them.</summary>
    public void Dispose()
    {
        bool alive = _context.TrySettle();
        for (int i = 0; i < _buffers.Length; i++)
        {
            _done[i]?.Dispose();
            if (alive && _buffers[i] is not null)
                CudaDriver.cuMemFreeHost(_buffers[i]);
            _buffers[i] = null;
        }
    }

    // The buffer whose turn it is, free to be filled.
    private int Turn()
    {
        int turn = _next;
        _next = (turn + 1) % _buffers.Length;
        _context.AwaitCopy(_done[turn]);
        return turn;
    }

    private void Send(int turn, DevicePointer to, int bytes)
    {
        _context.Check(CudaDriver.cuMemcpyHtoDAsync_v2(to.Address, _buffers[turn], (nuint)bytes, _context.Stream), nameof(CudaDriver.cuMemcpyHtoDAsync_v2));
        _context.Check(CudaDriver.cuEventRecord(_done[turn].Value, _context.Stream), nameof(CudaDriver.cuEventRecord));
    }
}
