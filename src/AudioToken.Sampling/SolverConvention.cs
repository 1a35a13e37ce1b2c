namespace AudioToken.Sampling;

/// <summary>Which generation of diffusers DPM-Solver++ follows; they place the noise levels differently (visible in pictures).</summary>
public enum SolverConvention
{
    /// <summary>Levels interpolated at the timesteps, last target as <see cref="FinalSigma"/> says: diffusers 0.17 and later.</summary>
    Current,

    /// <summary>Levels of whole timesteps, last target timestep 0, repeated timesteps dropped, spacing always linspace: diffusers 0.16,
    /// the version AudioToken was written with.</summary>
    Diffusers016,
}
