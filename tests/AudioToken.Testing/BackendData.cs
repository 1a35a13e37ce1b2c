using AudioToken.Backends.Cpu;
using AudioToken.Backends.Cuda;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;
using Xunit;

namespace AudioToken.Testing;

/// <summary>The backends that every operation test runs on; one that this machine lacks shows as skipped.</summary>
public static class BackendData
{
    // A factory that returns null means: not on this machine. Two threads even where there is one core: races show either way.
    private static readonly Dictionary<string, Func<ITensorOps?>> s_backends = new()
    {
        ["cpu"] = () => new CpuOps(new CpuOptions { Threads = 2 }),
        ["cuda"] = () => Cuda(DType.F32),
        ["cuda f16"] = () => Cuda(DType.F16),
        ["cuda bf16"] = () => Cuda(DType.BF16),
    };

    // A real device takes tenths of a second to start when nobody holds it: too long for each of a thousand tests.
    private static readonly Lazy<CudaContext> s_held = new(() => new CudaContext());

    /// <summary>Names of the backends that store fp32.</summary>
    public static IReadOnlyCollection<string> Names { get; } = [.. s_backends.Keys.Where(name => StorageOf(name) == DType.F32)];

    /// <summary>The type in which a backend stores results.</summary>
    public static DType StorageOf(string name) => name.EndsWith(" f16", StringComparison.Ordinal) ? DType.F16 : name.EndsWith(" bf16", StringComparison.Ordinal) ? DType.BF16 : DType.F32;

    /// <summary>One theory row a backend.</summary>
    public static TheoryData<string> All => new(Names);

    /// <summary>One theory row a backend, half types included, and case.</summary>
    public static TheoryData<string, string> With(IEnumerable<OpCase> cases) => With(cases.Select(one => one.Name));

    /// <inheritdoc cref="With(IEnumerable{OpCase})"/>
    public static TheoryData<string, string> With(IEnumerable<string> cases)
    {
        TheoryData<string, string> rows = new();
        foreach (string one in cases)
        {
            foreach (string name in s_backends.Keys)
                rows.Add(name, one);
        }

        return rows;
    }

    /// <summary>Starts a backend, or skips the test.</summary>
    public static ITensorOps Open(string name)
    {
        ITensorOps? ops = s_backends[name]();
        Assert.SkipWhen(ops is null, $"This machine has no backend {name}.");
        return ops!;
    }

    // The machine's own device, or else the emulated one.
    private static CudaOps? Cuda(DType storage)
    {
        if (CudaDevice.WhyNone() is null)
            _ = s_held.Value;
        else if (EmulatedDevice.WhyNot is not null)
            return null;
        return new CudaOps(new CudaOptions { Storage = storage });
    }
}
