using System.Diagnostics;
using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Bench;

/// <summary>The processor: the host's clock, multiply-adds from registers, memory beyond the caches.</summary>
public sealed class ProcessorDevice : BenchDevice
{
    private const long FallbackCacheBytes = 32L << 20, MinBufferBytes = 64L << 20, MaxBufferBytes = 256L << 20;
    private readonly int _threads;
    private readonly Lazy<(double Read, double Copy)> _bandwidth;

    /// <summary>Measures a backend of the processor.</summary>
    /// <param name="ops">Its operations; owned from now on.</param>
    /// <param name="threads">Threads on which it computes.</param>
    public ProcessorDevice(ITensorOps ops, int threads)
        : base(ops)
    {
        _threads = threads;
        CacheBytes = LastCacheBytes() ?? FallbackCacheBytes;
        _bandwidth = new(() => MeasureBandwidth(threads));
    }

    /// <inheritdoc/>
    public override string Description => string.Create(CultureInfo.InvariantCulture, $"{_threads} threads");

    /// <inheritdoc/>
    public override DType Storage => DType.F32;

    /// <inheritdoc/>
    public override long CacheBytes { get; }

    /// <inheritdoc/>
    public override long MemoryBytes => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <inheritdoc/>
    public override long? Launches => null;

    /// <inheritdoc/>
    public override long? PageFaults => OperatingSystem.IsLinux() ? MinorFaults() : null;

    /// <summary>The highest arithmetic peak so far: on a shared machine the one that is nearest to the roof.</summary>
    public double BestArithmeticPeak { get; private set; }

    /// <inheritdoc/>
    public override bool HasTimes => true;

    /// <inheritdoc/>
    public override bool IsSynchronous => true;

    /// <inheritdoc/>
    /// <remarks>The larger of reading and copying: a roof must not be lower than what can be reached.</remarks>
    public override double? Bandwidth => Math.Max(_bandwidth.Value.Read, _bandwidth.Value.Copy);

    /// <inheritdoc/>
    public override double[] Time(int repetitions, Action run, CancellationToken cancellation) => TimeTurns(repetitions, 1, _ => run(), cancellation);

    /// <inheritdoc/>
    public override double[] TimeTurns(int repetitions, int turns, Action<int> run, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(run);
        double[] seconds = new double[repetitions];
        for (int i = 0; i < repetitions; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using TensorScope scope = Ops.Scope();
            long at = Stopwatch.GetTimestamp();
            run(i % turns);
            seconds[i] = Stopwatch.GetElapsedTime(at).TotalSeconds;
        }

        return seconds;
    }

    /// <inheritdoc/>
    public override double? ArithmeticPeak()
    {
        double peak = FmaPeak.Measure(_threads);
        BestArithmeticPeak = Math.Max(BestArithmeticPeak, peak);
        return peak;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Ceiling> Ceilings()
    {
        List<Ceiling> ceilings = [];
        string all = string.Create(CultureInfo.InvariantCulture, $"{_threads} threads");
        ceilings.Add(new Ceiling("fma_peak_1_thread", BestPeak(1) / 1e9, "GFLOP/s", "fp32 multiply-adds from registers, one thread; the best of three"));
        if (_threads > 1)
            ceilings.Add(new Ceiling("fma_peak", BestPeak(_threads) / 1e9, "GFLOP/s", "the same, " + all));
        (double read, double copy) = MeasureBandwidth(1);
        ceilings.Add(new Ceiling("memory_read_1_thread", read / 1e9, "GB/s", "reading beyond the caches, one thread"));
        ceilings.Add(new Ceiling("memory_copy_1_thread", copy / 1e9, "GB/s", "copying, read and written bytes, one thread"));
        if (_threads > 1)
        {
            ceilings.Add(new Ceiling("memory_read", _bandwidth.Value.Read / 1e9, "GB/s", "reading beyond the caches, " + all));
            ceilings.Add(new Ceiling("memory_copy", _bandwidth.Value.Copy / 1e9, "GB/s", "copying, read and written bytes, " + all));
        }

        return ceilings;
    }

    private static double BestPeak(int threads) => Enumerable.Range(0, 3).Max(_ => FmaPeak.Measure(threads));

    private (double Read, double Copy) MeasureBandwidth(int threads) => MemoryBandwidth.Measure(threads, Math.Clamp(4 * CacheBytes, MinBufferBytes, MaxBufferBytes));

    // The tenth field of proc_pid_stat(5); the second is the name in brackets, which may have spaces.
    private static long MinorFaults()
    {
        string stat = File.ReadAllText("/proc/self/stat");
        return long.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[7], CultureInfo.InvariantCulture);
    }

    // As Linux tells it, e.g. "32768K"; index 3 is the last level where there are three.
    private static long? LastCacheBytes()
    {
        for (int index = 3; index >= 2; index--)
        {
            string path = string.Create(CultureInfo.InvariantCulture, $"/sys/devices/system/cpu/cpu0/cache/index{index}/size");
            if (File.Exists(path) && File.ReadAllText(path).Trim() is [.. var number, 'K'] && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out long kilobytes))
                return kilobytes << 10;
        }

        return null;
    }
}
