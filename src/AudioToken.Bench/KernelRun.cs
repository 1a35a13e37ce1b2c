using AudioToken.Bench.Cases;

namespace AudioToken.Bench;

/// <summary>Measurements of one list of cases.</summary>
/// <param name="Batch">Of the step that they come from; null for cases that were named.</param>
/// <param name="Rows">What was measured, and how often a step asks for it; null for cases that were named.</param>
/// <param name="NotMeasured">Operations of the step that have no case of their own, and how often it asks for them.</param>
public sealed record KernelRun(int? Batch, IReadOnlyList<(KernelMeasurement Measured, int? Calls)> Rows, IReadOnlyDictionary<string, int> NotMeasured)
{
    /// <summary>Sums over the step's calls: seconds (null where there are no times), FLOPs, calls and kernels (null on a device that has none) of each class that is there.</summary>
    public IEnumerable<(OperationClass Class, int Calls, double? Seconds, double Flops, long? Kernels)> Classes => Rows
        .GroupBy(row => row.Measured.Case.Class)
        .OrderBy(group => group.Key)
        .Select(group => (
            group.Key,
            group.Sum(row => row.Calls ?? 1),
            Sum(group, row => row.Measured.Seconds?.Median * (row.Calls ?? 1)),
            group.Sum(row => row.Measured.Case.Flops * (row.Calls ?? 1)),
            (long?)Sum(group, row => row.Measured.Kernels * (row.Calls ?? 1))));

    /// <summary>The same of the calls that a peer has too, ours and the peer's seconds; null where it has none.</summary>
    public (int Calls, double? Seconds, double? PeerSeconds)? BesidePeer
    {
        get
        {
            (KernelMeasurement Measured, int? Calls)[] both = [.. Rows.Where(row => row.Measured.Peer is not null)];
            return both.Length == 0
                ? null
                : (both.Sum(row => row.Calls ?? 1), Sum(both, row => row.Measured.Seconds?.Median * (row.Calls ?? 1)), Sum(both, row => row.Measured.Peer?.Seconds?.Median * (row.Calls ?? 1)));
        }
    }

    /// <summary>Measures the operations of one step.</summary>
    /// <param name="bench">What measures.</param>
    /// <param name="step">The recorded step.</param>
    /// <param name="batch">Its batch.</param>
    /// <param name="operation">Only cases of this operation; null for all.</param>
    /// <param name="repetitions">Runs of each case.</param>
    /// <param name="told">Hears of each measurement.</param>
    /// <param name="cancellation">Looked at between repetitions.</param>
    public static KernelRun OfStep(
        KernelBench bench, StepRecorder step, int batch, string? operation, int repetitions, Action<KernelMeasurement, int?> told, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(bench);
        ArgumentNullException.ThrowIfNull(step);
        ArgumentNullException.ThrowIfNull(told);
        List<(KernelMeasurement, int?)> rows = [];
        IEnumerable<KeyValuePair<KernelCase, int>> wanted = step.Calls.Where(call => operation is null || call.Key.Operation == operation);
        foreach ((KernelCase item, int calls) in wanted.OrderBy(call => call.Key.Class).ThenByDescending(call => call.Key.Flops * call.Value).ThenByDescending(call => call.Key.Elements * call.Value))
        {
            KernelMeasurement measured = bench.Measure(item, repetitions, cancellation);
            rows.Add((measured, calls));
            told(measured, calls);
        }

        return new KernelRun(batch, rows, step.Others);
    }

    // Null if any is null: a sum of some would look like the sum of all.
    private static double? Sum<T>(IEnumerable<T> rows, Func<T, double?> value) => rows.Aggregate((double?)0, (sum, row) => sum + value(row));
}
