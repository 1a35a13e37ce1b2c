namespace AudioToken.Peers;

/// <summary>Random values, the same at every run.</summary>
internal static class Values
{
    /// <summary>Normal values (Box and Muller 1958).</summary>
    public static float[] Gaussian(long count, double deviation, int seed = 1)
    {
        Random random = new(seed);
        float[] values = new float[count];
        for (long i = 0; i < count; i++)
            values[i] = (float)(deviation * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(Math.Tau * random.NextDouble()));
        return values;
    }
}
