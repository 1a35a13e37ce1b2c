namespace AudioToken.Sampling;

/// <summary>Noise level at which the last step of a sigma sampler ends (diffusers' <c>final_sigmas_type</c>).</summary>
public enum FinalSigma
{
    /// <summary>No noise: the last step returns the predicted clean sample.</summary>
    Zero,

    /// <summary>The level of training timestep 0.</summary>
    SigmaMin,
}
