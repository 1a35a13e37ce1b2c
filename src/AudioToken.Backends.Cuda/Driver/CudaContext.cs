using System.Diagnostics;
using System.Globalization;

namespace AudioToken.Backends.Cuda.Driver;

/// <summary>A device in use: its primary context and one stream, in which everything is done in order.</summary>
/// <remarks>One thread at a time. What is launched and copied is asynchronous until <see cref="Synchronize"/>; an error of earlier work
/// comes out of a later call, whose exception names the kernel that was launched last. AUDIOTOKEN_CUDA_SYNC=1 waits after each launch,
/// so that the kernel named is the one that failed.</remarks>
public sealed unsafe class CudaContext : IDisposable
{
    /// <summary>A picture of 4096x4096 is decoded by some 300 TFLOP in one piece, which small devices take minutes for.</summary>
    internal static readonly TimeSpan DefaultPatience = TimeSpan.FromMinutes(5);

    private readonly bool _synchronous = Environment.GetEnvironmentVariable("AUDIOTOKEN_CUDA_SYNC") is "1";
    private readonly nint _handle;
    private readonly CudaStream _stream;
    private CudaException? _lost;
    private (string Kernel, LaunchShape Shape) _last = ("", default);
    private LaunchLog? _log; // of what is recorded or planned, not done
    private bool _plans;
    private bool _hasNoPools; // from which a stream takes memory: so it may be with virtual GPUs
    private bool _disposed;

    /// <summary>Opens a device and makes it the calling thread's.</summary>
    /// <exception cref="CudaException">As <see cref="CudaDevice.Get"/>, or what the driver says.</exception>
    public CudaContext(int index = 0)
    {
        Device = CudaDevice.Get(index);
        CudaCall.Check(CudaDriver.cuDevicePrimaryCtxRetain(out _handle, index));
        try
        {
            Enter();
            _stream = new CudaStream(this);
        }
        catch
        {
            CudaDriver.cuDevicePrimaryCtxRelease_v2(index);
            throw;
        }
    }

    /// <summary>The device.</summary>
    public CudaDevice Device { get; }

    /// <summary>How long the host waits for work to end before it calls it a hang.</summary>
    public TimeSpan Patience { get; init; } = DefaultPatience;

    /// <summary>Kernels launched so far, those of a graph at each of its launches.</summary>
    public long Launches { get; private set; }

    /// <summary>The stream's own value.</summary>
    internal nint Stream => _stream.Value;

    /// <summary>Free and total device memory in bytes, as the driver counts them.</summary>
    public (long Free, long Total) MemoryInfo()
    {
        Enter();
        Check(CudaDriver.cuMemGetInfo_v2(out nuint free, out nuint total), nameof(CudaDriver.cuMemGetInfo_v2));
        return ((long)free, (long)total);
    }

    /// <summary>Makes this device the calling thread's. To be called where another thread takes over.</summary>
    /// <exception cref="ObjectDisposedException">The context was disposed of.</exception>
    /// <exception cref="CudaException">5108: the device was lost earlier.</exception>
    public void Enter()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_lost is not null)
            throw new CudaException(CudaErrors.DeviceLost, "the device was lost earlier: " + _lost.Message, _lost.Hint, _lost.Result, _lost);
        CudaCall.Check(CudaDriver.cuCtxSetCurrent(_handle));
    }

    /// <summary>As <see cref="Enter"/> for those who clean up: false where the driver has nothing of ours any more.</summary>
    internal bool TryEnter() => !_disposed && _lost is null && CudaDriver.cuCtxSetCurrent(_handle) == CudaResult.Success;

    /// <summary>Launches a kernel.</summary>
    /// <exception cref="CudaException">The launch was refused, or earlier work failed.</exception>
    /// <exception cref="ArgumentException">Count or size of the arguments is not the kernel's.</exception>
    internal void Launch(CudaKernel kernel, in LaunchShape shape, ref KernelArguments arguments)
    {
        kernel.CheckArguments(in arguments);
        kernel.AllowShared(shape.SharedBytes);
        _log?.Add(kernel, shape, arguments);
        if (_plans)
            return;
        _last = (kernel.Name, shape);
        if (_log is null)
            Launches++;
        void** addresses = stackalloc void*[KernelArguments.MaxCount];
        fixed (byte* start = &arguments.Start)
        {
            arguments.Point(start, addresses);
            if (shape.Cluster > 1)
            {
                LaunchClusters(kernel, shape, addresses);
            }
            else
            {
                Check(
                    CudaDriver.cuLaunchKernel(kernel.Function, shape.GridX, shape.GridY, shape.GridZ, shape.Threads, 1, 1, shape.SharedBytes, Stream, addresses, null),
                    nameof(CudaDriver.cuLaunchKernel));
            }
        }

        if (_synchronous && _log is null)
            Synchronize();
    }

    private void LaunchClusters(CudaKernel kernel, in LaunchShape shape, void** addresses)
    {
        LaunchAttribute cluster = new() { Id = LaunchAttribute.ClusterDimension, X = shape.Cluster, Y = 1, Z = 1 };
        LaunchConfig config = new()
        {
            GridX = shape.GridX,
            GridY = shape.GridY,
            GridZ = shape.GridZ,
            BlockX = shape.Threads,
            BlockY = 1,
            BlockZ = 1,
            SharedBytes = shape.SharedBytes,
            Stream = Stream,
            Attributes = &cluster,
            AttributeCount = 1,
        };
        Check(CudaDriver.cuLaunchKernelEx(config, kernel.Function, addresses, null), nameof(CudaDriver.cuLaunchKernelEx));
    }

    /// <summary>Takes memory of the device, in the order of the stream; false where there is none left.</summary>
    /// <exception cref="CudaException">Another failure.</exception>
    internal bool TryTake(long bytes, out ulong address)
    {
        string call = nameof(CudaDriver.cuMemAllocAsync);
        CudaResult result = CudaResult.NotSupported;
        address = 0;
        if (!_hasNoPools)
            result = CudaDriver.cuMemAllocAsync(out address, (nuint)bytes, Stream);
        if (result == CudaResult.NotSupported)
        {
            (_hasNoPools, call) = (true, nameof(CudaDriver.cuMemAlloc_v2));
            result = CudaDriver.cuMemAlloc_v2(out address, (nuint)bytes);
        }

        if (result == CudaResult.OutOfMemory)
            return false;
        Check(result, call);
        return true;
    }

    /// <summary>Gives memory back, once what was asked of the stream so far is done with it.</summary>
    internal void GiveBack(ulong address)
    {
        if (_hasNoPools)
            CudaDriver.cuMemFree_v2(address); // waits for the device
        else
            CudaDriver.cuMemFreeAsync(address, Stream);
    }

    /// <summary>Copies within the device.</summary>
    internal void Copy(DevicePointer to, DevicePointer from, long bytes)
    {
        _log?.Add(to, from, bytes);
        if (!_plans)
            Check(CudaDriver.cuMemcpyDtoDAsync_v2(to.Address, from.Address, (nuint)bytes, Stream), nameof(CudaDriver.cuMemcpyDtoDAsync_v2));
    }

    /// <summary>Waits until all work has come to an end.</summary>
    /// <exception cref="CudaException">Some of it failed, or it does not end (5109) within <see cref="Patience"/>.</exception>
    public void Synchronize()
    {
        Waiting wait = new(this, nameof(CudaDriver.cuStreamQuery), "an end");
        for (CudaResult result; (result = CudaDriver.cuStreamQuery(Stream)) != CudaResult.Success;)
            wait.GoOn(result);
    }

    /// <summary>Waits until the device has passed the end of a step.</summary>
    /// <exception cref="CudaException">As <see cref="Synchronize"/>.</exception>
    internal void AwaitStep(CudaEvent end, int step) => Await(end, new Waiting(this, nameof(CudaDriver.cuEventQuery), "the end of step", step));

    /// <summary>Waits until the device has done a copy.</summary>
    /// <exception cref="CudaException">As <see cref="Synchronize"/>.</exception>
    internal void AwaitCopy(CudaEvent end) => Await(end, new Waiting(this, nameof(CudaDriver.cuEventQuery), "the end of a copy"));

    /// <summary>Waits until nothing that the device is at work on uses what is cleaned up next; false where the driver has nothing of ours any more, after a
    /// device that does not come to an end too: who cleans up would wait for it for ever.</summary>
    internal bool TrySettle()
    {
        try
        {
            if (TryEnter())
                Synchronize();
        }
        catch (CudaException)
        {
            // Whoever cleans up has no one to tell.
        }

        return TryEnter();
    }

    /// <summary>Writes down what <paramref name="work"/> launches and copies within the device, without doing it.</summary>
    internal void Plan(Action work, LaunchLog log)
    {
        _plans = true;
        try
        {
            Log(work, log);
        }
        finally
        {
            _plans = false;
        }
    }

    /// <summary>Records what <paramref name="work"/> launches, without doing it, as a graph.</summary>
    /// <remarks>Addresses, shapes and arguments are fixed in it. Within it nothing may be allocated, awaited or copied to or from pageable memory.</remarks>
    internal CudaGraph Capture(Action work)
    {
        const int ThreadLocalMode = 1;
        Check(CudaDriver.cuStreamBeginCapture_v2(Stream, ThreadLocalMode), nameof(CudaDriver.cuStreamBeginCapture_v2));
        LaunchLog log = new();
        nint recorded;
        try
        {
            Log(work, log);
        }
        catch
        {
            if (CudaDriver.cuStreamEndCapture(Stream, out recorded) == CudaResult.Success && recorded != 0)
                CudaDriver.cuGraphDestroy(recorded);
            throw;
        }

        Check(CudaDriver.cuStreamEndCapture(Stream, out recorded), nameof(CudaDriver.cuStreamEndCapture));
        return new CudaGraph(this, recorded, log);
    }

    private void Log(Action work, LaunchLog log)
    {
        _log = log;
        try
        {
            work();
        }
        finally
        {
            _log = null;
        }
    }

    /// <summary>Launches recorded work.</summary>
    internal void Launch(CudaGraph graph)
    {
        _last = (graph.Name, default);
        Launches += graph.Work.Kernels;
        Check(CudaDriver.cuGraphLaunch(graph.Value, Stream), nameof(CudaDriver.cuGraphLaunch));
        if (_synchronous)
            Synchronize();
    }

    /// <summary>Takes note of work that a library has put into the stream: what fails later names it.</summary>
    internal void Follow(string work)
    {
        _last = (work, default);
        if (_synchronous && _log is null)
            Synchronize();
    }

    /// <summary>Throws unless the call succeeded; an error that loses the device is remembered.</summary>
    internal void Check(CudaResult result, string call)
    {
        if (result == CudaResult.Success)
            return;
        CudaException failure = CudaCall.Failure(result, _last.Kernel.Length == 0 ? null : Last()[2..], call);
        throw failure.IsDeviceLost ? Lose(failure) : failure;
    }

    /// <summary>Gives the device back to the driver and takes it anew, after it was lost. Everything made of this context is gone; make a new one.</summary>
    public void Reset()
    {
        if (_disposed)
            return;
        _lost ??= new CudaException(CudaErrors.DeviceLost, "the device was reset");
        _stream.Dispose();
        _disposed = true;
        CudaDriver.cuDevicePrimaryCtxReset_v2(Device.Index);
        CudaDriver.cuDevicePrimaryCtxRelease_v2(Device.Index);
    }

    /// <summary>Gives the device back. Handles, memory and modules must be disposed of before.</summary>
    /// <remarks>The driver resets a device that nobody in the process has any more, which finds a lost one again.</remarks>
    public void Dispose()
    {
        if (_disposed)
            return;
        _stream.Dispose();
        _disposed = true;
        if (_lost is not { Code: CudaErrors.Hang }) // the driver might wait for what does not end
            CudaDriver.cuDevicePrimaryCtxRelease_v2(Device.Index);
    }

    private static void Await(CudaEvent end, Waiting wait)
    {
        for (CudaResult result; (result = CudaDriver.cuEventQuery(end.Value)) != CudaResult.Success;)
            wait.GoOn(result);
    }

    private CudaException Lose(CudaException failure) => _lost ??= failure;

    private string Last() => _last.Kernel.Length == 0
        ? ""
        : _last.Shape == default ? $"; last launch: {_last.Kernel}" : $"; last launch: {_last.Kernel}, {_last.Shape}";

    // Between two questions whether the device is done. A sleep lasts a millisecond or more, by which a stage of a picture would seem longer, and as long as some small
    // model's steps take that are still queued: so at first the thread only yields, where somebody waits for a result longer than where more is queued.
    private struct Waiting(CudaContext context, string call, string awaited, int? step = null)
    {
        private readonly TimeSpan _awake = TimeSpan.FromMilliseconds(step is null ? 20 : 2);
        private readonly long _start = Stopwatch.GetTimestamp();
        private SpinWait _spin;

        public void GoOn(CudaResult result)
        {
            if (result != CudaResult.NotReady)
                context.Check(result, call);
            TimeSpan waited = Stopwatch.GetElapsedTime(_start);
            if (waited > context.Patience)
            {
                string which = step is { } number ? string.Create(CultureInfo.InvariantCulture, $" {number}") : "";
                throw context.Lose(new CudaException(CudaErrors.Hang, string.Create(CultureInfo.InvariantCulture, $"the device has not come to {awaited}{which} within {context.Patience.TotalSeconds:0.#} s{context.Last()}"), "start the program again; if it happens again, please report it"));
            }

            const int Never = -1, AtOnce = 0;
            _spin.SpinOnce(sleep1Threshold: waited < _awake ? Never : AtOnce);
        }
    }
}
