using System.Globalization;
using System.Runtime.InteropServices;

namespace AudioToken.Backends.Cuda.Driver;

/// <summary>A handle of the driver that is destroyed once, by whoever is last, a finalizer if need be.</summary>
/// <param name="context">In which it was made; it is made current where the handle is destroyed.</param>
internal abstract class CudaHandle(CudaContext context) : SafeHandle(0, true)
{
    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>The driver's own value.</summary>
    /// <exception cref="ObjectDisposedException">It was destroyed, or the context was reset.</exception>
    public nint Value
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return handle;
        }
    }

    /// <summary>Takes over what the driver made.</summary>
    protected void Own(nint made) => SetHandle(made);

    /// <summary>Destroys it; failures have no one left to hear of them.</summary>
    protected abstract CudaResult Destroy();

    /// <inheritdoc/>
    // After a reset the driver has destroyed everything itself.
    protected override bool ReleaseHandle() => !context.TryEnter() || Destroy() == CudaResult.Success;
}

/// <summary>A queue of work that is done in order.</summary>
internal sealed class CudaStream : CudaHandle
{
    private const uint NonBlocking = 1;

    public CudaStream(CudaContext context)
        : base(context)
    {
        CudaCall.Check(CudaDriver.cuStreamCreate(out nint made, NonBlocking));
        Own(made);
    }

    protected override CudaResult Destroy() => CudaDriver.cuStreamDestroy_v2(handle);
}

/// <summary>A point in a stream that can be waited for.</summary>
internal sealed class CudaEvent : CudaHandle
{
    private const uint WithoutTiming = 2;

    /// <param name="context">The device.</param>
    /// <param name="timed">True if the time between two of them is wanted.</param>
    public CudaEvent(CudaContext context, bool timed = false)
        : base(context)
    {
        CudaCall.Check(CudaDriver.cuEventCreate(out nint made, timed ? 0 : WithoutTiming));
        Own(made);
    }

    /// <summary>Puts the point behind all that was asked for so far.</summary>
    public void Record(CudaContext context) => context.Check(CudaDriver.cuEventRecord(Value, context.Stream), nameof(CudaDriver.cuEventRecord));

    /// <summary>Seconds from this point to another; the device has passed both.</summary>
    public double SecondsUntil(CudaEvent end)
    {
        CudaCall.Check(CudaDriver.cuEventElapsedTime(out float milliseconds, Value, end.Value));
        return milliseconds / 1e3;
    }

    protected override CudaResult Destroy() => CudaDriver.cuEventDestroy_v2(handle);
}

/// <summary>Loaded machine code.</summary>
internal sealed unsafe class CudaModule : CudaHandle
{
    public CudaModule(CudaContext context, ReadOnlySpan<byte> image, string name)
        : base(context)
    {
        Name = name;
        fixed (byte* bytes = image)
        {
            CudaCall.Check(CudaDriver.cuModuleLoadData(out nint made, bytes), $"module {name}");
            Own(made);
        }
    }

    /// <summary>The kernel file it was made of.</summary>
    public string Name { get; }

    /// <summary>A kernel of it.</summary>
    /// <exception cref="CudaException">5107: it has none of that name.</exception>
    public nint Function(string kernel)
    {
        CudaCall.Check(CudaDriver.cuModuleGetFunction(out nint function, Value, kernel), $"kernel {kernel} in {Name}");
        return function;
    }

    protected override CudaResult Destroy() => CudaDriver.cuModuleUnload(handle);
}

/// <summary>Recorded work that is launched as one.</summary>
internal sealed class CudaGraph : CudaHandle
{
    /// <summary>Makes a graph executable and lets the recording go.</summary>
    public CudaGraph(CudaContext context, nint recorded, LaunchLog work)
        : base(context)
    {
        Work = work;
        Name = string.Create(CultureInfo.InvariantCulture, $"a graph of {work.Kernels} kernels");
        CudaResult result = CudaDriver.cuGraphInstantiateWithFlags(out nint made, recorded, 0);
        CudaDriver.cuGraphDestroy(recorded);
        CudaCall.Check(result, call: nameof(CudaDriver.cuGraphInstantiateWithFlags));
        Own(made);
    }

    /// <summary>What it is called in messages.</summary>
    public string Name { get; }

    /// <summary>What one launch of it does.</summary>
    public LaunchLog Work { get; }

    protected override CudaResult Destroy() => CudaDriver.cuGraphExecDestroy(handle);
}
