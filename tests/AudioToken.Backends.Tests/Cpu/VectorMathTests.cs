using System.Runtime.Intrinsics;
using AudioToken.Backends.Cpu;
using Xunit;

namespace AudioToken.Backends.Tests.Cpu;

public sealed class VectorMathTests
{
    [Fact]
    public void Exp_IsWithinTwoUnitsInTheLastPlace()
    {
        // Unit in the last place of y relative to y: at most 2^-23 for a normal y.
        foreach (float x in Sweep(-87.3f, 88.7f))
        {
            double expected = Math.Exp(x);
            foreach (float found in AllWidths(x, Function.Exp))
                Assert.True(Math.Abs(found - expected) <= 2 * expected / (1 << 23), $"exp({x:g9}) = {found:g9}, wanted {expected:g9}");
        }
    }

    [Theory]
    [InlineData(float.NegativeInfinity, 0f)]
    [InlineData(-105f, 0f)]
    [InlineData(float.MinValue, 0f)]
    [InlineData(0f, 1f)]
    [InlineData(89f, float.PositiveInfinity)]
    [InlineData(float.PositiveInfinity, float.PositiveInfinity)]
    [InlineData(float.NaN, float.NaN)]
    public void Exp_KeepsTheLimits(float x, float expected)
    {
        foreach (float found in AllWidths(x, Function.Exp))
            Assert.Equal(expected, found);
    }

    [Fact]
    public void Exp_ReachesZeroThroughTheSubnormals()
    {
        // Two roundings to a multiple of 2^-149, the smallest float, and the relative error of the formula.
        foreach (float x in Sweep(-104f, -87.3f))
        {
            double expected = Math.Exp(x);
            foreach (float found in AllWidths(x, Function.Exp))
                Assert.True(Math.Abs(found - expected) <= float.Epsilon + 2 * expected / (1 << 23), $"exp({x:g9}) = {found:g9}, wanted {expected:g9}");
        }
    }

    [Fact]
    public void Exp2_IsWithinTwoUnitsInTheLastPlace()
    {
        // Below -126 two roundings to a multiple of 2^-149, the smallest float, as well.
        foreach (float x in Sweep(-151f, 127f))
        {
            double expected = Math.Pow(2, x);
            foreach (float found in AllWidths(x, Function.Exp2))
                Assert.True(Math.Abs(found - expected) <= (x < -126 ? float.Epsilon : 0) + 2 * expected / (1 << 23), $"2^{x:g9} = {found:g9}, wanted {expected:g9}");
        }
    }

    [Theory]
    [InlineData(float.NegativeInfinity, 0f)]
    [InlineData(float.MinValue, 0f)]
    [InlineData(0f, 1f)]
    [InlineData(float.NaN, float.NaN)]
    public void Exp2_KeepsTheLimits(float x, float expected)
    {
        foreach (float found in AllWidths(x, Function.Exp2))
            Assert.Equal(expected, found);
    }

    [Fact]
    public void Gelu_IsWithinItsBound()
    {
        foreach (float x in Sweep(-12f, 12f))
        {
            // Past |x| = 8 the smaller of the two branches is under 1e-14 and erfc needs no evaluation.
            double expected = Math.Max(x, 0.0) - (Math.Abs(x) > 8 ? 0 : 0.5 * Math.Abs(x) * Erfc(Math.Abs(x) / Math.Sqrt(2)));
            foreach (float found in AllWidths(x, Function.Gelu))
                Assert.True(Math.Abs(found - expected) <= 1e-7 + Math.Abs(expected) / (1 << 23), $"gelu({x:g9}) = {found:g9}, wanted {expected:g9}");
        }
    }

    [Fact]
    public void Silu_And_Sigmoid_AreWithinTheirBound()
    {
        foreach (float x in Sweep(-80f, 80f))
        {
            double sigmoid = 1 / (1 + Math.Exp(-(double)x));
            foreach (float found in AllWidths(x, Function.Sigmoid))
                Assert.True(Math.Abs(found - sigmoid) <= 4e-7 * sigmoid, $"sigmoid({x:g9}) = {found:g9}, wanted {sigmoid:g9}");
            foreach (float found in AllWidths(x, Function.Silu))
                Assert.True(Math.Abs(found - x * sigmoid) <= 4e-7 * Math.Abs(x * sigmoid), $"silu({x:g9}) = {found:g9}, wanted {x * sigmoid:g9}");
        }
    }

    [Fact]
    public void QuickGelu_IsWithinItsBound()
    {
        foreach (float x in Sweep(-8f, 8f))
        {
            double expected = x / (1 + Math.Exp(-1.702 * x));
            foreach (float found in AllWidths(x, Function.QuickGelu))
                Assert.True(Math.Abs(found - expected) <= 1.5e-6 * Math.Abs(expected), $"quick-gelu({x:g9}) = {found:g9}, wanted {expected:g9}");
        }
    }

    private enum Function
    {
        Exp, Exp2, Sigmoid, Silu, QuickGelu, Gelu,
    }

    private static float[] AllWidths(float x, Function function) =>
    [
        Of<Lanes1, float>(x, function),
        Of<Lanes128, Vector128<float>>(Vector128.Create(x), function)[3],
        Of<Lanes256, Vector256<float>>(Vector256.Create(x), function)[7],
        Of<Lanes512, Vector512<float>>(Vector512.Create(x), function)[15],
    ];

    private static TVector Of<TLanes, TVector>(TVector x, Function function)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
        => function switch
        {
            Function.Exp => VectorMath.Exp<TLanes, TVector>(x),
            Function.Exp2 => VectorMath.Exp2<TLanes, TVector>(x),
            Function.Sigmoid => VectorMath.Sigmoid<TLanes, TVector>(x),
            Function.Silu => VectorMath.Silu<TLanes, TVector>(x),
            Function.QuickGelu => VectorMath.QuickGelu<TLanes, TVector>(x),
            _ => VectorMath.Gelu<TLanes, TVector>(x),
        };

    private static IEnumerable<float> Sweep(float low, float high)
    {
        const int Steps = 100_003;
        for (int i = 0; i <= Steps; i++)
            yield return (float)(low + (high - low) * ((double)i / Steps));
    }

    // Series for small arguments, continued fraction (Lentz) for the rest; both to about 1e-15.
    private static double Erfc(double x)
    {
        if (x < 2.5)
        {
            double term = x, sum = x;
            for (int n = 1; n < 200 && Math.Abs(term) > 1e-18; n++)
            {
                term *= -x * x / n;
                sum += term / (2 * n + 1);
            }

            return 1 - 2 / Math.Sqrt(Math.PI) * sum;
        }

        double fraction = 0;
        for (int n = 200; n > 0; n--)
            fraction = n / 2.0 / (x + fraction);
        return Math.Exp(-x * x) / Math.Sqrt(Math.PI) / (x + fraction);
    }
}
