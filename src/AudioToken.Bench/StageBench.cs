using System.Diagnostics;
using AudioToken.Tensors;

namespace AudioToken.Bench;

/// <summary>Times whole stages, and within them the classes of operations.</summary>
/// <remarks>Where the device can replay recorded work, a stage is one recording; the step of a loop is repeated as a pipeline repeats it.</remarks>
/// <param name="device">What is measured.</param>
/// <param name="model">The weights.</param>
/// <param name="reference">The same backend at its most exact, with which results are compared; null for not. Stays the caller's.</param>
public sealed class StageBench(BenchDevice device, BenchModel model, ITensorOps? reference = null) : IDisposable
{
    private readonly Stages _stages = new(device.Ops, model);
    private readonly Stages? _reference = reference is null ? null : new Stages(reference, model);

    /// <summary>Loads a stage, runs it once uncounted, then measures it.</summary>
    /// <param name="name">One of <see cref="Stages.Names"/>, with its batch.</param>
    /// <param name="repetitions">At least 1.</param>
    /// <param name="cancellation">Looked at before each operation, or between replays.</param>
    public StageMeasurement Measure(string name, int repetitions, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(repetitions, 1);
        using TensorScope scope = device.Ops.Scope();
        StageProfile profile = new(new CancellableOps(device.Ops, cancellation));
        long start = Stopwatch.GetTimestamp();
        Stage stage = _stages.Build(name);
        double load = Stopwatch.GetElapsedTime(start).TotalSeconds;

        long? kernels = device.Launches;
        float[] result = Once(stage, profile, device.Ops, download: _reference is not null && device.HasTimes);
        kernels = stage.Loop is { } repeated && !device.IsSynchronous ? KernelsOf(repeated) : device.Launches - kernels;
        if (!device.HasTimes)
            return new StageMeasurement(name, null, null, profile.Flops, kernels, null, Classes(1), null);
        double? error = Error(name, result, cancellation);
        double? peak = device.ArithmeticPeak();
        long? faults = device.PageFaults;
        (ITensorOps through, int runs) = (device.Ops, 1);
        if (device.IsSynchronous)
        {
            profile.Reset();
            (through, runs) = (profile, repetitions);
        }

        double[] seconds = stage.Loop is { } loop
            ? Repeat(loop, through, repetitions, cancellation)
            : device.TimeTurns(repetitions, 1, _ => stage.Run(through), cancellation);
        faults = device.PageFaults - faults;
        peak = (peak + device.ArithmeticPeak()) / 2; // the machine may be shared: the roof is that of the moment
        return new StageMeasurement(name, Spread.Of(seconds), load, profile.Flops / runs, kernels, peak, Classes(runs), error) { PageFaults = (double?)faults / repetitions };

        IReadOnlyList<(OperationClass, int, double?, double)> Classes(int runs) =>
            [.. profile.Classes.Select(item => (item.Class, item.Calls / runs, device.IsSynchronous ? item.Seconds / runs : (double?)null, item.Flops / runs))];
    }

    /// <summary>Frees what is loaded.</summary>
    public void Dispose()
    {
        _stages.Dispose();
        _reference?.Dispose();
    }

    private long? KernelsOf(StageLoop loop)
    {
        using TensorScope scope = device.Ops.Scope();
        using RepeatedStep step = Repeat(loop, device.Ops);
        long? before = device.Launches;
        step.Run();
        return device.Launches - before;
    }

    // All steps of the loop, and then again from the first.
    private double[] Repeat(StageLoop loop, ITensorOps through, int repetitions, CancellationToken cancellation)
    {
        List<double> seconds = [];
        while (seconds.Count < repetitions)
        {
            using TensorScope scope = device.Ops.Scope();
            using RepeatedStep step = Repeat(loop, through);
            int left = Math.Min(loop.Steps, repetitions - seconds.Count);
            if (!device.IsSynchronous)
            {
                step.Run(); // what is recorded at the first step is replayed at the others
                left = Math.Min(loop.Steps - 1, left);
            }

            seconds.AddRange(device.Time(left, step.Run, cancellation));
        }

        return [.. seconds];
    }

    private RepeatedStep Repeat(StageLoop loop, ITensorOps through)
    {
        Action<ITensorOps, StepIndex> take = loop.Start();
        return device.Ops.Repeat(index => take(through, index));
    }

    private double? Error(string name, float[] result, CancellationToken cancellation)
    {
        if (_reference is null || reference is null)
            return null;
        using CancellableOps ops = new(reference, cancellation);
        using TensorScope scope = reference.Scope();
        return StageMeasurement.Difference(result, Once(_reference.Build(name), ops, reference, download: true));
    }

    private static float[] Once(Stage stage, ITensorOps through, ITensorOps ops, bool download)
    {
        using TensorScope run = ops.Scope();
        Tensor result = stage.Run(through);
        float[] values = new float[download ? result.Shape.Count : 0];
        if (download)
            ops.Download(result, values);
        return values;
    }
}
