using AudioToken.Tensors;

namespace AudioToken.Sampling;

/// <summary>What was asked of a sampler is outside its range. Codes: 2401 steps, 2402 scheduler, 2403 eta, 2404 name, 2405 guidance scale.</summary>
public sealed class SamplerOptionException : AudioTokenException
{
    /// <summary>Makes an exception with its number and text.</summary>
    public SamplerOptionException(int code, string message, string? hint = null)
        : base(code, message, hint)
    {
    }
}
