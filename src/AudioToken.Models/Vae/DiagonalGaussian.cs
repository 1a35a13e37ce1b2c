namespace AudioToken.Models.Vae;

/// <summary>What the autoencoder's encoder says of latents: for each value a mean and a deviation. Kingma and Welling 2014.</summary>
/// <remarks>Values of the autoencoder; the diffusion's are these times <see cref="VaeConfig.ScalingFactor"/>.</remarks>
public sealed class DiagonalGaussian
{
    private readonly float[] _mean, _deviation;

    /// <summary>Splits the encoder's moments.</summary>
    /// <param name="moments">[B, h, w, 2 C], channels last: C means, then C logarithms of variances (limited to [-30, 20]).</param>
    /// <param name="channels">Channels of the latents, C.</param>
    /// <exception cref="ArgumentException">The moments are no multiple of 2 C values.</exception>
    public DiagonalGaussian(ReadOnlySpan<float> moments, int channels)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(channels);
        if (moments.Length % (2 * channels) != 0)
            throw new ArgumentException($"{moments.Length} moments do not divide into pixels of {2 * channels}.", nameof(moments));
        _mean = new float[moments.Length / 2];
        _deviation = new float[_mean.Length];
        for (int i = 0; i < _mean.Length; i++)
        {
            int at = i / channels * 2 * channels + i % channels;
            _mean[i] = moments[at];
            _deviation[i] = MathF.Exp(0.5f * Math.Clamp(moments[at + channels], -30, 20));
        }
    }

    /// <summary>Means, [B, h, w, C].</summary>
    public ReadOnlySpan<float> Mean => _mean;

    /// <summary>Standard deviations, [B, h, w, C].</summary>
    public ReadOnlySpan<float> Deviation => _deviation;

    /// <summary>Mean plus deviation times noise.</summary>
    /// <param name="noise">Standard normal values, [B, h, w, C].</param>
    /// <returns>[B, h, w, C].</returns>
    /// <exception cref="ArgumentException">The noise has another count.</exception>
    public float[] Sample(ReadOnlySpan<float> noise)
    {
        if (noise.Length != _mean.Length)
            throw new ArgumentException($"{noise.Length} values of noise for {_mean.Length} latents.", nameof(noise));
        float[] sample = new float[_mean.Length];
        for (int i = 0; i < sample.Length; i++)
            sample[i] = _mean[i] + _deviation[i] * noise[i];
        return sample;
    }
}
