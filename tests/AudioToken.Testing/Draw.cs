using AudioToken.Tensors;

namespace AudioToken.Testing;

/// <summary>Seeded random tensors: the same numbers on every machine.</summary>
/// <remarks>SplitMix64 (Steele, Lea and Flood 2014), so that nothing depends on the runtime's generator.</remarks>
public sealed class Draw(ulong seed)
{
    private ulong _state = seed * 0x9E3779B97F4A7C15 + 1;

    /// <summary>A uniform number in [0, 1), a multiple of 2^-53.</summary>
    public double Unit()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1UL << 53));
    }

    /// <summary>Integers in [low, high).</summary>
    public int[] Integers(long count, int low, int high)
    {
        int[] values = new int[count];
        for (int i = 0; i < values.Length; i++)
            values[i] = low + (int)(Unit() * (high - low));
        return values;
    }

    /// <summary>Uniform values in [low, high).</summary>
    public float[] Uniform(Shape shape, double low = -1, double high = 1)
    {
        float[] values = new float[shape.Count];
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)(low + Unit() * (high - low));
        return values;
    }

    /// <summary>Normally distributed values (Box and Muller).</summary>
    public float[] Normal(Shape shape, double mean = 0, double deviation = 1)
    {
        float[] values = new float[shape.Count];
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)(mean + deviation * Math.Sqrt(-2 * Math.Log(1 - Unit())) * Math.Cos(2 * Math.PI * Unit()));
        return values;
    }

    /// <summary>A weight of normally distributed values.</summary>
    public WeightSource Weight(string name, Shape shape, double mean = 0, double deviation = 1) =>
        new ArrayWeightSource(name, shape, Normal(shape, mean, deviation));
}
