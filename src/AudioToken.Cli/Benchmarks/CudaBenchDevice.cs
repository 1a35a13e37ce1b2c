using System.Globalization;
using AudioToken.Backends.Cuda;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Bench;
using AudioToken.Tensors;

namespace AudioToken.Cli.Benchmarks;

/// <summary>A CUDA device: its own clock, and recordings that it replays. The emulated one is counted and neither timed nor run.</summary>
internal class CudaBenchDevice : BenchDevice
{
    private const string Emulated = "not measured on an emulated device";
    private readonly CudaOps _ops;
    private readonly CudaDevice _device;
    private readonly CudaTimer _timer;
    private readonly CudaRoofs _roofs;
    private readonly Lazy<double> _bandwidth, _arithmetic;

    /// <summary>Takes the backend over.</summary>
    /// <param name="ops">The backend.</param>
    /// <param name="counts">Nothing is run or timed, as the emulated device's times mean nothing.</param>
    /// <param name="peer">Measured too; owned from now on.</param>
    public CudaBenchDevice(CudaOps ops, bool counts, BenchPeer? peer = null)
        : base(ops)
    {
        _ops = ops;
        _device = ops.DeviceInfo;
        HasTimes = !counts;
        Peer = peer;
        if (counts)
            CudaEmulation.Execute(false);
        _timer = ops.CreateTimer();
        _roofs = ops.CreateRoofs(_timer);
        _bandwidth = new(_roofs.CopyBandwidth);
        _arithmetic = new(() => Math.Max(_roofs.Arithmetic(ops.Storage), _roofs.WarpgroupArithmetic(ops.Storage) ?? 0));
    }

    public override string Description => string.Create(CultureInfo.InvariantCulture, $"{_device.Name}, driver for CUDA {CudaDevice.DriverVersion()}");

    public override DType Storage => _ops.Storage;

    public override long CacheBytes => _device.CacheBytes;

    public override long MemoryBytes => _ops.FreeBytes;

    public override long? Launches => _ops.Launches;

    public override BenchPeer? Peer { get; }

    public override bool HasTimes { get; }

    public override bool IsSynchronous => false;

    public override double? Bandwidth => HasTimes ? _bandwidth.Value : null;

    public override double[] Time(int repetitions, Action run, CancellationToken cancellation) => _timer.Time(
        repetitions,
        _ =>
        {
            using TensorScope scope = Ops.Scope();
            run();
        },
        cancellation);

    public override double[] TimeTurns(int repetitions, int turns, Action<int> run, CancellationToken cancellation)
    {
        using CudaRecording recording = _ops.RecordWork(() =>
        {
            for (int turn = 0; turn < turns; turn++)
            {
                using TensorScope scope = Ops.Scope();
                run(turn);
            }
        });
        recording.Launch();
        return [.. _timer.Time(repetitions, _ => recording.Launch(), cancellation).Select(seconds => seconds / turns)];
    }

    // Once: nobody else is on the device, and its clock settles under this very load.
    public override double? ArithmeticPeak() => HasTimes ? _arithmetic.Value : null;

    public override IReadOnlyList<Ceiling> Ceilings()
    {
        (double Host, double Graph)? launch = HasTimes ? _roofs.Launch() : null;
        return
        [
            new Ceiling("device_copy", Bandwidth / 1e9, "GB/s", Note("copying within the device beyond its cache, read and written bytes")),
            new Ceiling("cache_read", HasTimes ? _roofs.CacheBandwidth() / 1e9 : null, "GB/s", Note("from the second-level cache into shared memory, by cp.async")),
            new Ceiling("fma_peak", HasTimes ? _roofs.Arithmetic(DType.F32) / 1e9 : null, "GFLOP/s", Note("fp32 multiply-adds from registers")),
            new Ceiling("mma_peak_fp16", HasTimes ? _roofs.Arithmetic(DType.F16) / 1e9 : null, "GFLOP/s", Note("mma.sync m16n8k16, fp16 with fp32 sums, from registers")),
            new Ceiling("mma_peak_bf16", HasTimes ? _roofs.Arithmetic(DType.BF16) / 1e9 : null, "GFLOP/s", Note("mma.sync m16n8k16, bf16 with fp32 sums, from registers")),
            .. WarpgroupPeak(DType.F16),
            .. WarpgroupPeak(DType.BF16),
            new Ceiling("launch", launch?.Host * 1e6, "us", Note("from one empty kernel to the next, each launched by the host")),
            new Ceiling("launch_in_graph", launch?.Graph * 1e6, "us", Note("the same within a graph")),
        ];
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _timer.Dispose();
            CudaEmulation.Execute(true);
        }

        base.Dispose(disposing);
    }

    private IEnumerable<Ceiling> WarpgroupPeak(DType type)
    {
        string name = type == DType.F16 ? "fp16" : "bf16";
        if (_device.HasWarpgroupProducts)
            yield return new Ceiling("wgmma_peak_" + name, HasTimes ? _roofs.WarpgroupArithmetic(type) / 1e9 : null, "GFLOP/s", Note($"wgmma m64n160k16, {name} with fp32 sums, from shared memory"));
    }

    private string Note(string what) => HasTimes ? what : $"{what}: {Emulated}";
}
