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

    /// <summary>Bytes/s from the second-level cache into shared memory, by the copies that feed products.</summary>
    public double CacheBandwidth()
    {
        const int Turn = 64 * Block, Shared = 2 * Turn; // as in peak.cu
        int bytes = Math.Max(1, _context.Device.CacheBytes / 4 / Turn) * Turn; // a cache of two halves may hold everything twice
        using DeviceMemory memory = new(_context);
        DeviceBlock from = memory.Take(bytes);
        return (double)bytes * BlocksForAll(4) * Rate(_library.Get("peak.cu", "peak_read"), 4, Shared, (ref KernelArguments arguments) => arguments.Add(from.Pointer.Address).Add(bytes));
    }

    /// <summary>Multiply-adds from registers in FLOP/s: on tensor cores by mma.sync for half types, on the plain cores for F32.</summary>
    /// <param name="type">F32, F16 or BF16.</param>
    public double Arithmetic(DType type)
    {
        // In each round eight chains: of a thread's multiply-adds, or of a warp's products of 16 x 16 by 16 x 8.
        double each = type == DType.F32 ? 8 * 2 : 8 * 2.0 * 16 * 8 * 16 / 32;
        return each * BlocksForAll(8) * Block * Rounds * Rate(_library.Get("peak.cu", "peak" + CudaOps.Suffix(type)), 8, shared: 0, (ref KernelArguments arguments) =>
        {
            arguments.Add(Rounds);
            if (type == DType.F32)
                arguments.Add(1f);
        });
    }

    /// <summary>Multiply-adds of the tensor cores by wgmma, from shared memory, in FLOP/s; null where the device or the type has none.</summary>
    /// <param name="type">F32, F16 or BF16.</param>
    public double? WarpgroupArithmetic(DType type)
    {
        const int Rows = 64, Columns = 160, Depth = 64; // of four warps' product in each round
        return !_context.Device.HasWarpgroupProducts || type == DType.F32
            ? null
            : 2.0 * Rows * Columns * Depth / 128 * BlocksForAll(4) * Block * Rounds
                * Rate(_library.Get("peak.cu", "peak_warpgroups" + CudaOps.Suffix(type)), 4, (Rows + Columns) * Depth * 2, (ref KernelArguments arguments) => arguments.Add(Rounds));
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

    private delegate void Complete(ref KernelArguments arguments);

    private uint BlocksForAll(int each) => (uint)(each * _context.Device.Multiprocessors);

    // Launches a second at best of a kernel with some blocks for each multiprocessor, whose threads have a float each to write.
    private double Rate(CudaKernel kernel, int blocksEach, int shared, Complete complete)
    {
        uint blocks = BlocksForAll(blocksEach);
        using DeviceMemory memory = new(_context);
        DeviceBlock results = memory.Take(blocks * Block * sizeof(float));
        return 1 / _timer.Time(Repetitions, _ =>
        {
            KernelArguments arguments = default;
            arguments.Add(results.Pointer.Address);
            complete(ref arguments);
            _context.Launch(kernel, new LaunchShape(blocks, 1, 1, Block, (uint)shared), ref arguments);
        }).Min();
    }
}
