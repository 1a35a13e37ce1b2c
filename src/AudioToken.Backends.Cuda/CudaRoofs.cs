using AudioToken.Backends.Cuda.Compilation;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Backends.Cuda.Memory;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

/// <summary>What a device reaches at most, measured.</summary>
public sealed class CudaRoofs
{
    private const int Repetitions = 5, Block = 256, Rounds = 4096, Launches = 1000;
    private const long MinCopyBytes = 256L << 20;
    private readonly CudaContext _context;
    private readonly KernelLibrary _library;
    private readonly CudaTimer _timer;

    internal CudaRoofs(CudaContext context, KernelLibrary library, CudaTimer timer) => (_context, _library, _timer) = (context, library, timer);

    /// <summary>Bytes/s of a copy within the device that no cache holds; each byte counts twice, read and written.</summary>
    public double CopyBandwidth()
    {
        long bytes = Math.Max(MinCopyBytes, 4L * _context.Device.CacheBytes);
        using DeviceMemory memory = new(_context);
        DeviceBlock from = memory.Take(bytes), to = memory.Take(bytes);
        return 2 * bytes / _timer.Time(Repetitions, _ => _context.Copy(to.Pointer, from.Pointer, bytes)).Min();
    }

    /// <summary>Multiply-adds from registers in FLOP/s: on tensor cores for half types, on the plain cores for F32.</summary>
    /// <param name="type">F32, F16 or BF16.</param>
    /// <remarks>By mma.sync, which is what the kernels use; newer devices do more by instructions of their own.</remarks>
    public double Arithmetic(DType type)
    {
        string suffix = type switch { DType.F16 => "f16", DType.BF16 => "bf16", _ => "f32" };
        CudaKernel kernel = _library.Get("peak.cu", "peak_" + suffix);
        uint blocks = (uint)(8 * _context.Device.Multiprocessors);
        using DeviceMemory memory = new(_context);
        DeviceBlock results = memory.Take(blocks * Block * sizeof(float));
        double seconds = _timer.Time(Repetitions, _ =>
        {
            KernelArguments arguments = default;
            arguments.Add(results.Pointer.Address).Add(Rounds);
            if (type == DType.F32)
                arguments.Add(1f);
            _context.Launch(kernel, new LaunchShape(blocks, 1, 1, Block, 0), ref arguments);
        }).Min();
        // In each round eight chains: of a thread's multiply-adds, or of a warp's products of 16 x 16 by 16 x 8.
        double each = type == DType.F32 ? 8 * 2 : 8 * 2.0 * 16 * 8 * 16 / 32;
        return each * blocks * Block * Rounds / seconds;
    }

    /// <summary>Seconds from one empty kernel to the next where the host asks for each, and where a graph does.</summary>
    public (double Host, double Graph) Launch()
    {
        CudaKernel kernel = _library.Get("peak.cu", "peak_nothing");
        void All()
        {
            for (int i = 0; i < Launches; i++)
            {
                KernelArguments arguments = default;
                arguments.Add(0);
                _context.Launch(kernel, new LaunchShape(1, 1, 1, 32, 0), ref arguments);
            }
        }

        All(); // the first launch of a kernel loads it
        _context.Synchronize();
        double host = _timer.Time(Repetitions, _ => All()).Min();
        using CudaGraph graph = _context.Capture(All);
        _context.Launch(graph);
        double recorded = _timer.Time(Repetitions, _ => _context.Launch(graph)).Min();
        return (host / Launches, recorded / Launches);
    }
}
