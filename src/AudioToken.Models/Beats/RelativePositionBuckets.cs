namespace AudioToken.Models.Beats;

/// <summary>Which row of the position table serves which distance: near distances have a row each, far ones share rows on a
/// logarithmic scale, each side has its half. Raffel et al. 2020 (T5).</summary>
public static class RelativePositionBuckets
{
    /// <summary>The row for one distance.</summary>
    /// <param name="distance">Key position minus query position.</param>
    /// <param name="buckets">Rows of the table, a multiple of 4.</param>
    /// <param name="maxDistance">From this distance on all share the last row.</param>
    public static int Of(int distance, int buckets, int maxDistance)
    {
        int half = buckets / 2, exact = half / 2, magnitude = Math.Abs(distance);
        int side = distance > 0 ? half : 0;
        if (magnitude < exact)
            return side + magnitude;

        // In single precision throughout, as in the original: at the edges of a bucket the rounding decides.
        float far = MathF.Log((float)magnitude / exact) / (float)Math.Log((double)maxDistance / exact) * (half - exact);
        return side + Math.Min(exact + (int)far, half - 1);
    }

    /// <summary>The rows for every distance within a sequence.</summary>
    /// <returns>[2 * length - 1]: from -(length - 1) to length - 1.</returns>
    public static int[] ForLength(int length, int buckets, int maxDistance)
    {
        int[] rows = new int[2 * length - 1];
        for (int i = 0; i < rows.Length; i++)
            rows[i] = Of(i - (length - 1), buckets, maxDistance);
        return rows;
    }
}
