using AudioToken.Backends.Cuda.Driver;
using AudioToken.Backends.Cuda.Memory;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

/// <summary>Work recorded as one graph at fixed addresses, to be launched as often as wanted: what measurements are made of.</summary>
/// <remarks>The work is done once as it is asked for, which loads its kernels and finds its memory, and recorded at a second call. It asks for the same
/// operations both times, downloads nothing, and what it looks at outlives this object. What it uploads must be the same both times: it stays
/// on the device, and a launch does not copy it again. Dispose of it before the operations.</remarks>
public sealed class CudaRecording : IDisposable
{
    private readonly CudaContext _context;
    private readonly DeviceMemory _memory;
    private readonly DeviceArena _arena;
    private readonly DeviceArena _uploads;
    private readonly List<byte[]> _uploaded = [];
    private readonly CudaGraph _graph;
    private int _next;

    internal CudaRecording(CudaOps ops, CudaContext context, DeviceMemory memory, Action work)
    {
        (_context, _memory, _arena, _uploads) = (context, memory, new DeviceArena(memory), new DeviceArena(memory) { KeepsEach = true });
        try
        {
            Round();
            _arena.IsSealed = _uploads.IsSealed = true;
            _graph = context.Capture(Round);
        }
        catch
        {
            GiveBack();
            throw;
        }

        void Round()
        {
            _arena.Rewind();
            _uploads.Rewind();
            _next = 0;
            (memory.Arena, ops.Recorded) = (_arena, this);
            try
            {
                using TensorScope scope = ops.Scope();
                work();
            }
            finally
            {
                (memory.Arena, ops.Recorded) = (null, null);
            }
        }
    }

    /// <summary>Asks the device for the work once more; does not wait for it.</summary>
    public void Launch()
    {
        _context.Enter();
        _context.Launch(_graph);
    }

    /// <summary>Forgets the work.</summary>
    public void Dispose()
    {
        _graph.Dispose();
        GiveBack();
    }

    /// <summary>Makes a tensor for uploaded values, in memory that nothing else of the work is given.</summary>
    internal Tensor ForUpload(Func<Tensor> allocate)
    {
        _memory.Arena = _uploads;
        try
        {
            return allocate();
        }
        finally
        {
            _memory.Arena = _arena;
        }
    }

    /// <summary>Whether values of an upload must be copied; at the second call of the work they are there already.</summary>
    internal bool IsNew(ReadOnlySpan<byte> values)
    {
        if (!_uploads.IsSealed)
            _uploaded.Add(values.ToArray());
        else if (!values.SequenceEqual(_uploaded[_next++]))
            throw new InvalidOperationException("Recorded work uploaded other values than at its first run; upload before it what changes.");
        return !_uploads.IsSealed;
    }

    private void GiveBack()
    {
        _arena.Dispose();
        _uploads.Dispose();
    }
}
