using Xunit;

namespace AudioToken.Testing;

/// <summary>Comparisons that say where two tensors differ.</summary>
public static class TensorAssert
{
    /// <summary>Every value within <paramref name="maxAbs"/>; a failure names the worst index and both values.</summary>
    public static void MaxAbs(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double maxAbs, string what = "")
    {
        Assert.True(expected.Length == actual.Length, $"{what}: {actual.Length} values, expected {expected.Length}.");
        (double worst, int at) = (-1, -1);
        for (int i = 0; i < expected.Length; i++)
        {
            double difference = Math.Abs((double)expected[i] - actual[i]);
            if (!(difference <= worst))
                (worst, at) = (double.IsNaN(difference) ? double.PositiveInfinity : difference, i);
        }

        Assert.True(worst <= maxAbs, $"{what}: differs by {worst:g4} at {at} (expected {(at < 0 ? 0 : expected[at]):g9}, found {(at < 0 ? 0 : actual[at]):g9}); at most {maxAbs:g3}.");
    }

    /// <summary>Root mean square of the difference over that of the expected values.</summary>
    public static double RelativeRms(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        double difference = 0, magnitude = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            difference += Math.Pow((double)expected[i] - actual[i], 2);
            magnitude += Math.Pow(expected[i], 2);
        }

        return Math.Sqrt(difference / Math.Max(magnitude, double.Epsilon));
    }

    /// <summary>The tolerance of goldens/README.md for fp32 networks: 1e-4 absolute and 1e-5 relative root mean square.</summary>
    public static void Network(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what = "")
    {
        MaxAbs(expected, actual, 1e-4, what);
        double relative = RelativeRms(expected, actual);
        TestContext.Current.TestOutputHelper?.WriteLine($"{what}: relative root mean square {relative:g3}");
        Assert.True(relative <= 1e-5, $"{what}: relative root mean square {relative:g4}, at most 1e-5.");
    }
}
