using System.Globalization;
using AudioToken.Bench.Cases;
using AudioToken.Tensors;

namespace AudioToken.Bench;

/// <summary>Times single operations.</summary>
/// <remarks>Inputs and weights take turns until they are more than twice the last cache, so that no run finds its own there; one run that is not counted comes before.</remarks>
public sealed class KernelBench(BenchDevice device)
{
    private const int MaxSets = 256, MinTurns = 8;

    /// <summary>Measures one case.</summary>
    /// <param name="item">The operation at its shape.</param>
    /// <param name="repetitions">At least 1.</param>
    /// <param name="cancellation">Looked at between repetitions.</param>
    /// <exception cref="AudioTokenException">The backend does not take its shape (2901), it takes more memory than there is (6901), or the peer's result is not ours (7901).</exception>
    public KernelMeasurement Measure(KernelCase item, int repetitions, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(item);
        ArgumentOutOfRangeException.ThrowIfLessThan(repetitions, 1);
        cancellation.ThrowIfCancellationRequested();
        long bytes = item.Elements * device.ElementBytes;
        int most = Fitting(item, bytes, repetitions), sets = 1;
        List<CaseInputs> inputs = [];
        using TensorScope scope = device.Ops.Scope();
        try
        {
            List<CaseWork> runs = [];
            for (int i = 0; i < sets; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                inputs.Add(new CaseInputs(device.Ops, i));
                runs.Add(item.Prepare(inputs[i]));
                if (i == 0 && device.HasTimes)
                    sets = (int)Math.Min(most, 2 * device.CacheBytes / (inputs[i].Elements * device.ElementBytes) + 1); // results share their memory, and so do not count
            }

            double? before = device.HasTimes ? device.ArithmeticPeak() : null;
            long? kernels = Count(runs[^1].Run); // right before those that are timed, which so find the threads awake
            int turns = Math.Max(sets, MinTurns);
            Spread? seconds = device.HasTimes ? Spread.Of(device.TimeTurns(repetitions, turns, turn => runs[turn % sets].Run(), cancellation)) : null;
            double? peak = device.HasTimes ? (before + device.ArithmeticPeak()) / 2 : null; // the machine may be shared: the roof is that of the moment
            return new KernelMeasurement(item, seconds, bytes, kernels, peak, device.Bandwidth, sets)
            {
                Peer = device.Peer is { } peer ? new PeerBench(device, peer).Measure(item, runs, turns, repetitions, cancellation) : null,
            };
        }
        catch (ShapeException refused)
        {
            throw new AudioTokenException(BenchErrors.Shape, $"{item.Operation} {item.Shape}: {refused.Message}", "a --shape that this device's backend takes", refused);
        }
        finally
        {
            foreach (CaseInputs set in inputs)
                set.Dispose();
        }
    }

    private long? Count(Action run)
    {
        using TensorScope scope = device.Ops.Scope();
        long? before = device.Launches;
        run();
        return device.Launches - before;
    }

    private int Fitting(KernelCase item, long bytes, int repetitions)
    {
        // Uploaded values are floats beside their copy in the backend's type, and a backend may hold a weight more than once.
        long fits = device.MemoryBytes / (2 * Math.Max(bytes, item.Elements * sizeof(float)));
        if (fits < 1)
        {
            throw new AudioTokenException(
                BenchErrors.Memory,
                string.Create(CultureInfo.InvariantCulture, $"{item.Operation} {item.Shape}: inputs, weights and result take {bytes / 1e9:0.0} GB, of which half of {device.MemoryBytes / 1e9:0.0} GB of memory can be used"),
                "a smaller --shape or --batch");
        }

        return (int)Math.Min(fits, device.IsSynchronous ? Math.Min(repetitions, MaxSets) : MaxSets); // where a repetition is one run, more would not be used
    }
}
