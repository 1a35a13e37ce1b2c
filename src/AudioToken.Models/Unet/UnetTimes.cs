using AudioToken.Tensors;

namespace AudioToken.Models.Unet;

/// <summary>All that a UNet derives from timesteps: one shift for each residual block and timestep. Made by <see cref="UnetModel.PrepareTimes"/>.</summary>
/// <remarks>A denoising loop prepares all its timesteps at once and calls the model with <see cref="At"/> or <see cref="Step"/>; training, where every sample
/// has a time of its own, prepares one timestep a sample and uses <see cref="PerSample"/>. Valid while the scope open at its making is.</remarks>
public sealed class UnetTimes
{
    private readonly Tensor[] _shifts; // for each residual block [S, Cout]

    internal UnetTimes(Tensor[] shifts, int count)
    {
        _shifts = shifts;
        Count = count;
    }

    /// <summary>Number of timesteps, S.</summary>
    public int Count { get; }

    /// <summary>The time of all samples is timestep <paramref name="index"/> of those prepared.</summary>
    public UnetTime Step(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        return new UnetTime(_shifts, index);
    }

    /// <summary>The time of all samples is that of a step that may be counted on the device.</summary>
    /// <param name="ops">The operations of the backend that holds the shifts.</param>
    /// <param name="step">Less than <see cref="Count"/>.</param>
    /// <returns>Shifts that the innermost open scope owns, or that look at these.</returns>
    public UnetTime At(ITensorOps ops, StepIndex step)
    {
        ArgumentNullException.ThrowIfNull(ops);
        if (step.Number >= 0)
            return Step(step.Number);
        Tensor[] rows = new Tensor[_shifts.Length];
        ops.SelectRows(_shifts, step, rows);
        return new UnetTime(rows, 0);
    }

    /// <summary>Sample b has timestep b of those prepared; the batch is <see cref="Count"/>.</summary>
    public UnetTime PerSample() => new(_shifts, -1);
}
