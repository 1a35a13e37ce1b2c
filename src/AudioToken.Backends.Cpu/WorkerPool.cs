using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace AudioToken.Backends.Cpu;

/// <summary>Threads that wait for the next operation and share its parts.</summary>
/// <remarks>Each thread has a run of the parts, the same of every job with as many, so that what one operation leaves in a core's cache the next one finds
/// there; who is done takes parts from the others' ends, so a thread that the system holds up delays only its present part. Which thread does a
/// part must not show in the result: a part writes its own place and sums in its own order. No call allocates managed memory.</remarks>
internal sealed unsafe class WorkerPool : IDisposable
{
    // Working buffers grow by whole steps, so that a few sizes serve all operations.
    private const long ScratchStep = 1 << 20;

    // Operations of one network follow one another within microseconds, but the last part of one may take longer than that;
    // to wake a thread costs tens of microseconds, so only longer pauses are worth a sleep.
    private static readonly long s_spinTicks = Stopwatch.Frequency / 2_000;
    private const int SpinIterations = 4;

    // What the state holds: threads in the job, whether more may join, and above that the number of the job.
    private const long JoinedMask = 0xFFFF, Open = 0x1_0000, OneJob = 0x2_0000, JobMask = -OneJob;

    private const int RunDistance = 128 / sizeof(long);

    private readonly object _gate = new();
    private readonly Thread[] _threads;
    private readonly NativeBlock?[] _scratch;
    private readonly bool _idle;

    // The present job. Written while no thread is in one; a thread that has joined may read it until it leaves.
    private delegate*<void*, int, int, void> _invoke;
    private void* _body;

    private long _state;
    private readonly long[] _runs; // of each thread, a cache line apart: the first part that is left, and above it the one past the last
    private int _sleeping; // threads on the gate that wait for a job
    private int _awaited;  // 1 while the caller waits there for the last to leave
    private bool _running;
    private bool _disposed;
    private ExceptionDispatchInfo? _fault;
    private long _scratchAllocations;
    private long _scratchWanted; // the largest buffer that any thread has asked for
    private long _scratchEven; // what every thread has at least

    /// <summary>Starts <paramref name="threads"/> - 1 threads; the caller of <see cref="Run"/> is the remaining one.</summary>
    /// <param name="threads">1 to <see cref="CpuOptions.MaxThreads"/>.</param>
    /// <param name="idle">Starts none and leaves every job undone.</param>
    public WorkerPool(int threads, bool idle = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threads, CpuOptions.MaxThreads);
        Threads = threads;
        _idle = idle;
        _scratch = new NativeBlock?[threads];
        _runs = new long[threads * RunDistance];
        _threads = new Thread[idle ? 0 : threads - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            int worker = i + 1;
            _threads[i] = new Thread(() => Serve(worker)) { IsBackground = true, Name = $"AudioToken CPU {worker}" };
            _threads[i].Start();
        }
    }

    /// <summary>Threads that compute, the caller among them.</summary>
    public int Threads { get; }

    /// <summary>Bytes of all working buffers.</summary>
    public long ScratchBytes
    {
        get
        {
            long bytes = 0;
            foreach (NativeBlock? block in _scratch)
                bytes += block?.Bytes ?? 0;
            return bytes;
        }
    }

    /// <summary>How often a working buffer was made or enlarged.</summary>
    public long ScratchAllocations => Interlocked.Read(ref _scratchAllocations);

    /// <summary>So many parts, or a few more, so that each thread has as many as the others; just so many where the most would be exceeded.</summary>
    public long Even(long parts, long most)
    {
        long even = (parts + Threads - 1) / Threads * Threads;
        return even <= most ? even : parts;
    }

    /// <summary>Runs parts 0 to <paramref name="count"/> - 1 and returns when all are done.</summary>
    /// <exception cref="InvalidOperationException">Called from within a part, or by two threads at a time.</exception>
    /// <remarks>The first exception of a part is thrown here; parts not yet begun are then left out.</remarks>
    public void Run<TBody>(int count, TBody body)
        where TBody : struct, IParallelBody
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (Interlocked.Exchange(ref _running, true))
            throw new InvalidOperationException("WorkerPool: a job is running; parts cannot start another one, and one thread drives one backend.");
        try
        {
            if (_idle)
                return;
            if (_threads.Length == 0 || count <= 1)
            {
                for (int i = 0; i < count; i++)
                    body.Run(i, 0);
                return;
            }

            // Which thread gets parts is chance. What one of them needed all get before the next job, so that a repeated loop settles.
            if (Volatile.Read(ref _scratchWanted) > _scratchEven)
                EvenScratch();

            // The body is this frame's own copy: it stays in place until every thread has left the job.
            Start(&Invoke<TBody>, Unsafe.AsPointer(ref body), count);
            Work(0);
            Finish();
        }
        finally
        {
            Volatile.Write(ref _running, false);
        }
    }

    /// <summary>The working buffer of one thread, 64-byte aligned, valid until the thread asks for a larger one. Contents are undefined.</summary>
    public void* Scratch(int worker, long bytes)
    {
        NativeBlock? block = _scratch[worker];
        return block is null || block.Bytes < bytes ? Grow(worker, bytes).Pointer : block.Pointer;
    }

    /// <summary>Ends the threads and frees the working buffers.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
                return;
            _disposed = true;
            Monitor.PulseAll(_gate);
        }

        foreach (Thread thread in _threads)
            thread.Join();
        foreach (NativeBlock? block in _scratch)
            block?.Dispose();
    }

    private static void Invoke<TBody>(void* body, int index, int worker)
        where TBody : struct, IParallelBody
        => Unsafe.AsRef<TBody>(body).Run(index, worker);

    private NativeBlock Grow(int worker, long bytes)
    {
        bytes = (bytes + ScratchStep - 1) / ScratchStep * ScratchStep;
        _scratch[worker]?.Dispose();
        _scratch[worker] = null;
        NativeBlock block = new(bytes);
        _scratch[worker] = block;
        Interlocked.Increment(ref _scratchAllocations);
        long seen;
        while ((seen = Volatile.Read(ref _scratchWanted)) < bytes)
            Interlocked.CompareExchange(ref _scratchWanted, bytes, seen);
        return block;
    }

    private void EvenScratch()
    {
        for (int worker = 0; worker < _scratch.Length; worker++)
            Scratch(worker, _scratchWanted);
        _scratchEven = _scratchWanted;
    }

    private void Start(delegate*<void*, int, int, void> invoke, void* body, int count)
    {
        _invoke = invoke;
        _body = body;
        for (int worker = 0; worker < Threads; worker++)
            Volatile.Write(ref _runs[worker * RunDistance], (count * (worker + 1L) / Threads << 32) | (count * (long)worker / Threads));
        Interlocked.Exchange(ref _state, ((_state & JobMask) + OneJob) | Open);
        if (Volatile.Read(ref _sleeping) == 0)
            return;
        lock (_gate)
            Monitor.PulseAll(_gate);
    }

    private void Finish()
    {
        // Closing first: a thread that wakes up late does not join, so the caller waits only for parts that are being done.
        long joined = Interlocked.And(ref _state, ~Open) & JoinedMask, deadline = Stopwatch.GetTimestamp() + s_spinTicks;
        while (joined != 0 && Stopwatch.GetTimestamp() < deadline)
        {
            Thread.SpinWait(SpinIterations);
            joined = Volatile.Read(ref _state) & JoinedMask;
        }

        if (joined != 0)
        {
            lock (_gate)
            {
                Interlocked.Exchange(ref _awaited, 1);
                while ((Volatile.Read(ref _state) & JoinedMask) != 0)
                    Monitor.Wait(_gate);
                _awaited = 0;
            }
        }

        ExceptionDispatchInfo? fault = _fault;
        _fault = null;
        fault?.Throw();
    }

    private void Work(int worker)
    {
        for (int part; (part = Claim(worker)) >= 0;)
        {
            try
            {
                _invoke(_body, part, worker);
            }
#pragma warning disable CA1031 // Whatever a part throws is thrown again on the caller's thread.
            catch (Exception error)
#pragma warning restore CA1031
            {
                lock (_gate)
                    _fault ??= ExceptionDispatchInfo.Capture(error);
                for (int run = 0; run < _runs.Length; run += RunDistance)
                    Interlocked.Exchange(ref _runs[run], 0);
            }
        }
    }

    // The first part of the thread's own run, or the last of another's; -1 when none is left.
    private int Claim(int worker)
    {
        for (int other = 0; other < Threads; other++)
        {
            ref long run = ref _runs[(worker + other) % Threads * RunDistance];
            long seen = Volatile.Read(ref run);
            while (true)
            {
                int first = (int)seen, end = (int)(seen >> 32);
                if (first >= end)
                    break;
                long met = Interlocked.CompareExchange(ref run, other == 0 ? seen + 1 : seen - (1L << 32), seen);
                if (met == seen)
                    return other == 0 ? first : end - 1;
                seen = met;
            }
        }

        return -1;
    }

    private void Serve(int worker)
    {
        long seen = 0;
        while (true)
        {
            long state = NextJob(seen);
            if (state < 0)
                return;
            seen = state & JobMask;
            if (!TryJoin(state))
                continue;
            Work(worker);

            // The caller sleeps on the same gate as idle threads; those that wake for nothing go back to sleep.
            if ((Interlocked.Decrement(ref _state) & (JoinedMask | Open)) == 0 && Volatile.Read(ref _awaited) != 0)
            {
                lock (_gate)
                    Monitor.PulseAll(_gate);
            }
        }
    }

    // Waits for another job than the one seen last; -1 at the end.
    private long NextJob(long seen)
    {
        long deadline = Stopwatch.GetTimestamp() + s_spinTicks, state;
        while (((state = Volatile.Read(ref _state)) & JobMask) == seen && !Volatile.Read(ref _disposed) && Stopwatch.GetTimestamp() < deadline)
            Thread.SpinWait(SpinIterations);
        if ((state & JobMask) != seen)
            return state;
        lock (_gate)
        {
            Interlocked.Increment(ref _sleeping);
            while (((state = Volatile.Read(ref _state)) & JobMask) == seen && !_disposed)
                Monitor.Wait(_gate);
            Interlocked.Decrement(ref _sleeping);
        }

        return (state & JobMask) == seen ? -1 : state;
    }

    // Joins a job while it is the present one and open.
    private bool TryJoin(long state)
    {
        long job = state & JobMask;
        while ((state & Open) != 0 && (state & JobMask) == job)
        {
            long met = Interlocked.CompareExchange(ref _state, state + 1, state);
            if (met == state)
                return true;
            state = met;
        }

        return false;
    }
}
