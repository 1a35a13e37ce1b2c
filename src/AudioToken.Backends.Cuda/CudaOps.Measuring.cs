using AudioToken.Backends.Cuda.Driver;

namespace AudioToken.Backends.Cuda;

public sealed unsafe partial class CudaOps
{
    /// <summary>The device.</summary>
    public CudaDevice DeviceInfo => _context.Device;

    /// <summary>Bytes of device memory that are free.</summary>
    public long FreeBytes => _context.MemoryInfo().Free;

    /// <summary>A clock for what these operations ask of the device; the caller's, to be disposed of before them.</summary>
    public CudaTimer CreateTimer()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new CudaTimer(_context);
    }

    /// <summary>Measures what the device reaches at most.</summary>
    /// <param name="timer">Of these operations.</param>
    public CudaRoofs CreateRoofs(CudaTimer timer) => new(_context, _library, timer);
}
