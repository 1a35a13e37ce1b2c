using AudioToken.Tensors;

namespace AudioToken.Models.Unet;

/// <summary>All that a UNet derives from timesteps: one shift for each residual block and timestep. Made by <see cref="UnetModel.PrepareTimes"/>.</summary>
/// <remarks>A denoising loop prepares all its timesteps at once and calls the model with <see cref="Step"/>; training, where every sample
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

    /// <summary>Sample b has timestep b of those prepared; the batch is <see cref="Count"/>.</summary>
    public UnetTime PerSample() => new(_shifts, -1);
}
