namespace AudioToken.Sampling;

/// <summary>How a run's timesteps are picked from the training timesteps; Lin et al. 2023, table 2, in diffusers' names.</summary>
public enum TimestepSpacing
{
    /// <summary>Multiples of the step ratio plus <c>steps_offset</c>; never reaches the last training timestep.</summary>
    Leading,

    /// <summary>Evenly spaced from the first to the last training timestep.</summary>
    Linspace,

    /// <summary>Evenly spaced back from the last training timestep.</summary>
    Trailing,
}
