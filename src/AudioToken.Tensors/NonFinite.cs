using System.Numerics;

namespace AudioToken.Tensors;

/// <summary>The search for NaN and infinity.</summary>
public static class NonFinite
{
    /// <summary>Index of the first value that is NaN or infinite, or -1.</summary>
    public static int FirstIn(ReadOnlySpan<float> values)
    {
        int i = 0;
        for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> some = new(values[i..]);
            if (!Vector.EqualsAll(some - some, Vector<float>.Zero)) // infinity less itself is NaN
                break;
        }

        for (; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
                return i;
        }

        return -1;
    }
}
