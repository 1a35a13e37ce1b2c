using System.Diagnostics;
using AudioToken.Tensors;

namespace AudioToken.Bench;

/// <summary>Times whole stages, and within them the classes of operations.</summary>
public static class StageBench
{
    /// <summary>Loads a stage, runs it once uncounted, then measures it.</summary>
    /// <param name="device">What is measured.</param>
    /// <param name="model">The weights.</param>
    /// <param name="name">One of <see cref="Stages.Names"/>.</param>
    /// <param name="repetitions">At least 1.</param>
    /// <param name="cancellation">Looked at before each operation.</param>
    public static StageMeasurement Measure(BenchDevice device, BenchModel model, string name, int repetitions, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentOutOfRangeException.ThrowIfLessThan(repetitions, 1);
        using TensorScope scope = device.Ops.Scope();
        StageProfile profile = new(new CancellableOps(device.Ops, cancellation));
        long start = Stopwatch.GetTimestamp();
        Stage stage = Stages.Build(device.Ops, model, name);
        double load = Stopwatch.GetElapsedTime(start).TotalSeconds;
        using IDisposable? network = stage.Network;

        long? before = device.Launches;
        Once();
        long? kernels = device.Launches - before;
        if (!device.HasTimes)
            return new StageMeasurement(name, null, null, profile.Flops, kernels, null, Classes(1));
        profile.Reset();
        double? peak = device.ArithmeticPeak();
        double[] seconds = device.Time(repetitions, _ => stage.Run(profile), cancellation);
        peak = (peak + device.ArithmeticPeak()) / 2; // the machine may be shared: the roof is that of the moment
        return new StageMeasurement(name, Spread.Of(seconds), load, profile.Flops / repetitions, kernels, peak, Classes(repetitions));

        void Once()
        {
            using TensorScope run = device.Ops.Scope();
            stage.Run(profile);
        }

        IReadOnlyList<(OperationClass, int, double?, double)> Classes(int runs) =>
            [.. profile.Classes.Select(item => (item.Class, item.Calls / runs, device.IsSynchronous ? item.Seconds / runs : (double?)null, item.Flops / runs))];
    }
}
