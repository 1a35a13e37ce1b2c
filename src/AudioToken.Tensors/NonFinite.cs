namespace AudioToken.Tensors;

/// <summary>The search for NaN and infinity.</summary>
public static class NonFinite
{
    /// <summary>Index of the first value that is NaN or infinite, or -1.</summary>
    public static int FirstIn(ReadOnlySpan<float> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
                return i;
        }

        return -1;
    }
}
