namespace AudioToken.Sampling;

/// <summary>Classifier-free guidance: push the prediction away from that of an empty (or negative) prompt. Ho and Salimans 2022.</summary>
public static class Guidance
{
    /// <summary>True if a scale asks for guidance, so that the model runs twice, without and with the prompt. At 1 or below only the
    /// prompt's prediction counts, as in diffusers.</summary>
    public static bool IsActive(float scale) => scale > 1;

    /// <summary>Refuses a scale that is not a number of at least 0.</summary>
    /// <exception cref="SamplerOptionException">Negative, infinite or NaN.</exception>
    public static void RequireValid(float scale)
    {
        if (!(scale >= 0 && float.IsFinite(scale)))
            throw new SamplerOptionException(
                ErrorCode.GuidanceScale, $"guidance scale is {Text.Of(scale)}, expected 0 or more; up to 1 is no guidance.", "--cfg-scale 7.5");
    }

    /// <summary>Weights of the unconditional and the conditional prediction in the guided one: unconditional + scale (conditional - unconditional).</summary>
    /// <param name="scale">Strength, usually 7.5.</param>
    public static float[] Weights(float scale) => [1 - scale, scale];
}
