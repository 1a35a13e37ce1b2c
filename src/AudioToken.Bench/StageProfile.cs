using System.Diagnostics;
using AudioToken.Tensors;

namespace AudioToken.Bench;

/// <summary>Adds up calls, wall time and FLOPs of each operation.</summary>
/// <remarks>Time is the host's: on a device that works on its own, only calls and FLOPs mean something.</remarks>
public class StageProfile(ITensorOps inner) : TransparentOps(inner)
{
    private readonly Dictionary<string, Entry> _entries = [];
    private long _start;

    /// <summary>Calls, seconds and FLOPs (0 for what is not counted) by operation, the longest first.</summary>
    public IEnumerable<(string Operation, int Calls, double Seconds, double Flops)> Operations => _entries
        .OrderByDescending(entry => entry.Value.Ticks)
        .Select(entry => (entry.Key, entry.Value.Calls, entry.Value.Ticks / (double)Stopwatch.Frequency, entry.Value.Flops));

    /// <summary>FLOPs of all operations since the last reset.</summary>
    public double Flops => _entries.Values.Sum(entry => entry.Flops);

    /// <summary>The same by class, as far as there was any.</summary>
    public IEnumerable<(OperationClass Class, int Calls, double Seconds, double Flops)> Classes => Operations
        .GroupBy(entry => OperationClasses.Of(entry.Operation))
        .OrderBy(group => group.Key)
        .Select(group => (group.Key, group.Sum(entry => entry.Calls), group.Sum(entry => entry.Seconds), group.Sum(entry => entry.Flops)));

    /// <summary>Forgets all.</summary>
    public void Reset() => _entries.Clear();

    /// <inheritdoc/>
    public override Tensor Linear(Tensor x, Weight weight, in Epilogue epilogue)
    {
        Tensor y = base.Linear(x, weight, epilogue);
        Count(nameof(Linear), 2.0 * x.Shape.Count * weight.Shape[0]);
        return y;
    }

    /// <inheritdoc/>
    public override void Project(Tensor x, ReadOnlySpan<Projection> projections, Span<Tensor> results)
    {
        base.Project(x, projections, results);
        foreach (Projection projection in projections)
            Count(nameof(Project), 2.0 * x.Shape.Count * projection.Weight.Shape[0]);
    }

    /// <inheritdoc/>
    public override Tensor LinearChain(Tensor x, in LinearChain chain, Tensor residual, in Epilogue epilogue)
    {
        Tensor y = base.LinearChain(x, chain, residual, epilogue);
        Count(nameof(LinearChain), 2.0 * x.Shape.Rows * (chain.First.Weight.Shape.Count + chain.Second.Weight.Shape.Count));
        return y;
    }

    /// <inheritdoc/>
    public override Tensor Conv2d(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, Tensor skip = default)
    {
        Tensor y = base.Conv2d(x, weight, geometry, epilogue, skip);
        Count(nameof(Conv2d), 2.0 * y.Shape.Count * (weight.Shape.Count / weight.Shape[0]));
        return y;
    }

    /// <inheritdoc/>
    public override Tensor Conv2dWithShortcut(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, in Shortcut shortcut)
    {
        Tensor y = base.Conv2dWithShortcut(x, weight, geometry, epilogue, shortcut);
        Count(nameof(Conv2dWithShortcut), 2.0 * y.Shape.Count * ((weight.Shape.Count + shortcut.Weight.Shape.Count) / weight.Shape[0]));
        return y;
    }

    /// <inheritdoc/>
    public override Tensor GroupedConv1d(Tensor x, Weight weight, int groups, int padding, in Epilogue epilogue)
    {
        Tensor y = base.GroupedConv1d(x, weight, groups, padding, epilogue);
        Count(nameof(GroupedConv1d), 2.0 * y.Shape.Count * (weight.Shape.Count / weight.Shape[0]));
        return y;
    }

    /// <inheritdoc/>
    public override Tensor Attention(Tensor q, Tensor k, Tensor v, in AttentionOptions options)
    {
        Tensor y = base.Attention(q, k, v, options);
        Count(nameof(Attention), 4.0 * q.Shape.Count * k.Shape[1]);
        return y;
    }

    /// <inheritdoc/>
    protected override void Before(string operation) => _start = Stopwatch.GetTimestamp();

    /// <inheritdoc/>
    protected override void After(string operation, Tensor result)
    {
        long ticks = Stopwatch.GetTimestamp() - _start;
        Entry entry = _entries.GetValueOrDefault(operation);
        _entries[operation] = entry with { Calls = entry.Calls + 1, Ticks = entry.Ticks + ticks };
    }

    /// <summary>Adds FLOPs of an operation that has run.</summary>
    protected void Count(string operation, double flops) => _entries[operation] = _entries[operation] with { Flops = _entries[operation].Flops + flops };

    private readonly record struct Entry(int Calls, long Ticks, double Flops);
}
