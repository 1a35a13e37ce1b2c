using AudioToken.Training.Losses;
using Xunit;

namespace AudioToken.Training.Tests;

/// <summary>Losses that no recording covers: values by hand, gradients by finite differences.</summary>
public sealed class LossTests
{
    // Central differences of step h are right to h^2 f''' / 6 and to the rounding of float values, 6e-8 / h: 1e-4 at h = 1e-3 for slopes of order 1.
    private const float Step = 1e-3f;
    private const double Tolerance = 1e-4;

    [Fact]
    public void Logistic_IsTheSumOverClasses()
    {
        float[] scores = [0, 2, -3, 100, -100];
        bool[] present = [true, false, true, true, true];
        double wanted = Math.Log(2) + Math.Log(1 + Math.Exp(2)) + Math.Log(1 + Math.Exp(3)) + 0 + 100;
        Assert.Equal(wanted, Loss.Logistic(scores, present, new float[5]), 1e-12);
    }

    [Fact]
    public void Logistic_GradientIsThatOfTheValue()
    {
        float[] scores = [0.3f, -1.7f, 2.5f, 0f, -0.1f];
        bool[] present = [true, false, false, true, false];
        float[] gradient = new float[5];
        Loss.Logistic(scores, present, gradient, weight: 0.5);
        AssertSlopes(scores, gradient, 0.5, values => Loss.Logistic(values, present, new float[5]));
    }

    [Fact]
    public void LackingCosine_AveragesBeforeItSquares()
    {
        // Cosines 1 and 0: the mean lacks a half.
        Assert.Equal(0.25, Loss.LackingCosine([2, 0, 0, 3], [5, 0, 1, 0], 2, new float[4]), 1e-12);
    }

    [Fact]
    public void LackingCosine_GradientIsThatOfTheValueAndIsAdded()
    {
        float[] values = [0.5f, -1.2f, 2f, 0.1f, 0.9f, -0.4f], targets = [1f, 0.3f, -0.7f, 0.2f, 0.8f, 1.1f];
        float[] gradient = [1, 1, 1, 1, 1, 1];
        Loss.LackingCosine(values, targets, 2, gradient, weight: 3);
        AssertSlopes(values, [.. gradient.Select(g => g - 1)], 3, moved => Loss.LackingCosine(moved, targets, 2, new float[6]));
    }

    [Fact]
    public void LackingCosine_OfNothing_IsFinite()
    {
        float[] gradient = new float[2];
        Assert.Equal(1, Loss.LackingCosine([0, 0], [0, 0], 1, gradient));
        Assert.All(gradient, value => Assert.True(float.IsFinite(value)));
    }

    [Fact]
    public void CountsThatDisagree_AreRefused()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => Loss.Logistic([1, 2], [true], new float[2]));
        Assert.Contains("given 2 and 1 values", error.Message, StringComparison.Ordinal);
    }

    private static void AssertSlopes(float[] values, float[] gradient, double weight, Func<float[], double> loss)
    {
        for (int i = 0; i < values.Length; i++)
        {
            float[] above = [.. values], below = [.. values];
            above[i] += Step;
            below[i] -= Step;
            double slope = (loss(above) - loss(below)) / ((double)above[i] - below[i]);
            Assert.Equal(weight * slope, gradient[i], weight * Tolerance);
        }
    }
}
