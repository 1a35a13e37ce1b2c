using AudioToken.Backends.Cuda.Driver;

namespace AudioToken.Backends.Cuda;

public sealed unsafe partial class CudaOps
{
    /// <summary>The device.</summary>
    public CudaDevice DeviceInfo => _context.Device;

    /// <summary>Bytes of device memory that are free, or held for the next tensors.</summary>
    public long FreeBytes => _context.MemoryInfo().Free + _memory.HeldBytes - _memory.LiveBytes;

    /// <summary>What is asked of these operations now is recorded.</summary>
    internal CudaRecording? Recorded { get; set; }

    /// <summary>A clock for what these operations ask of the device; the caller's, to be disposed of before them.</summary>
    public CudaTimer CreateTimer()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new CudaTimer(_context);
    }

    /// <summary>Does work once and records it.</summary>
    /// <exception cref="InvalidOperationException">At its second call it asked for other memory or uploaded other values, or it downloaded.</exception>
    public CudaRecording RecordWork(Action work)
    {
        ArgumentNullException.ThrowIfNull(work);
        Enter();
        return new CudaRecording(this, _context, _memory, work);
    }

    /// <summary>Measures what the device reaches at most.</summary>
    /// <param name="timer">Of these operations.</param>
    public CudaRoofs CreateRoofs(CudaTimer timer) => new(_context, _library, timer);
}
