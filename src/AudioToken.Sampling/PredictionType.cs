namespace AudioToken.Sampling;

/// <summary>What a diffusion model's output stands for; with a = alphas_cumprod[t], x = sqrt(a) x0 + sqrt(1 - a) n.</summary>
public enum PredictionType
{
    /// <summary>The noise n. Ho et al. 2020.</summary>
    Epsilon,

    /// <summary>The velocity v = sqrt(a) n - sqrt(1 - a) x0. Salimans and Ho 2022.</summary>
    Velocity,

    /// <summary>The clean sample x0.</summary>
    Sample,
}
