using AudioToken.Tensors;

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

    /// <summary>Weights of the unconditional and the conditional prediction in the guided one.</summary>
    public static float[] Weights(float scale) => [1 - scale, scale];

    /// <summary>unconditional + scale (conditional - unconditional).</summary>
    /// <param name="ops">The operations.</param>
    /// <param name="unconditional">Prediction for the empty or negative prompt.</param>
    /// <param name="conditional">Prediction for the prompt, of the same shape.</param>
    /// <param name="scale">Strength, usually 7.5.</param>
    /// <returns>The guided prediction; the innermost open scope owns it.</returns>
    public static Tensor Combine(ITensorOps ops, Tensor unconditional, Tensor conditional, float scale)
    {
        ArgumentNullException.ThrowIfNull(ops);
        float[] weights = Weights(scale);
        return ops.WeightedSum([new(unconditional, weights[0]), new(conditional, weights[1])]);
    }
}
