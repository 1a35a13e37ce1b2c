using AudioToken.Backends.Cpu;
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
    };

    /// <summary>Names of the backends.</summary>
    public static IReadOnlyCollection<string> Names => s_backends.Keys;

    /// <summary>One theory row a backend.</summary>
    public static TheoryData<string> All => new(Names);

    /// <summary>One theory row a backend and case.</summary>
    public static TheoryData<string, string> With(IEnumerable<OpCase> cases)
    {
        TheoryData<string, string> rows = new();
        foreach (OpCase one in cases)
        {
            foreach (string name in Names)
                rows.Add(name, one.Name);
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
}
