using AudioToken.Tensors;

namespace AudioToken.Pipelines;

/// <summary>The way from one audio token to another.</summary>
/// <remarks>Spherical interpolation (Shoemake 1985): the direction turns at an even rate and the length changes evenly. A straight line would
/// pass through shorter vectors, weaker words than either end.</remarks>
public static class TokenPath
{
    // Below this sine of the angle, the arc is a line as far as fp32 can tell; opposite directions have no shortest arc and take the line too.
    private const double LeastSine = 1e-6;

    /// <summary>A point on the way.</summary>
    /// <param name="from">The first token, any length.</param>
    /// <param name="to">The second one, as long.</param>
    /// <param name="share">How far along, 0 (exactly <paramref name="from"/>) to 1 (exactly <paramref name="to"/>).</param>
    /// <exception cref="AudioTokenException">The tokens differ in width (3046).</exception>
    public static float[] Between(ReadOnlySpan<float> from, ReadOnlySpan<float> to, double share)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(share, 0);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(share, 1);
        if (from.Length != to.Length)
            throw new AudioTokenException(3046, $"the audio tokens have {from.Length} and {to.Length} values, wanted two of one model", "encode both sounds with the same model: audiotoken encode");
        if (share is 0 or 1)
            return (share == 0 ? from : to).ToArray();

        (double fromLength, double toLength, double product) = (0, 0, 0);
        for (int i = 0; i < from.Length; i++)
        {
            fromLength += (double)from[i] * from[i];
            toLength += (double)to[i] * to[i];
            product += (double)from[i] * to[i];
        }

        (fromLength, toLength) = (Math.Sqrt(fromLength), Math.Sqrt(toLength));
        (double fromFactor, double toFactor) = (1 - share, share);
        double angle = fromLength == 0 || toLength == 0 ? 0 : Math.Acos(Math.Clamp(product / fromLength / toLength, -1, 1));
        if (Math.Sin(angle) > LeastSine)
        {
            double length = fromLength + (toLength - fromLength) * share;
            fromFactor = length / fromLength * Math.Sin((1 - share) * angle) / Math.Sin(angle);
            toFactor = length / toLength * Math.Sin(share * angle) / Math.Sin(angle);
        }

        float[] between = new float[from.Length];
        for (int i = 0; i < between.Length; i++)
            between[i] = (float)(fromFactor * from[i] + toFactor * to[i]);
        return between;
    }
}
