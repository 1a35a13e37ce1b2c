using System.Numerics;
using AudioToken.Audio;
using Xunit;

namespace AudioToken.Tests.Audio;

public sealed class FbankTests
{
    // The log of a float32 epsilon, and its normalised form.
    private const float SilentLog = -15.942385f;
    private const float SilentFeature = -2.3916928f;

    [Theory]
    [InlineData(0, 0)]
    [InlineData(399, 0)]
    [InlineData(400, 1)]
    [InlineData(559, 1)]
    [InlineData(560, 2)]
    [InlineData(2800, 16)]
    [InlineData(16000, 98)]
    [InlineData(80000, 498)]
    [InlineData(160000, 998)]
    public void FrameCount_CountsWholeFramesOnly(int samples, int frames) => Assert.Equal(frames, Fbank.FrameCount(samples));

    [Theory]
    [InlineData(0, 0.0)]
    [InlineData(1, 2.651509774601967e-4)]
    [InlineData(100, 0.5566406644983896)]
    [InlineData(199, 0.9999868261974606)]
    [InlineData(200, 0.9999868261974606)]
    [InlineData(399, 0.0)]
    public void Window_IsThePoveyWindow(int n, double expected) =>
        // Double precision: a cosine and a power, each right to an ulp or two; near zero the cosine's cancellation costs 1e-16 absolute.
        Assert.Equal(expected, Fbank.Window[n], 1e-13);

    [Theory]
    [InlineData(0, 1, new[] { 0.802640 })]
    [InlineData(1, 2, new[] { 0.030967 })]
    [InlineData(2, 2, new[] { 0.969033 })]
    [InlineData(3, 0, new double[0])]
    [InlineData(10, 6, new[] { 0.827915 })]
    [InlineData(64, 57, new[] { 0.052351, 0.700285, 0.659791, 0.027680 })]
    [InlineData(127, 246, new[] { 0.106254, 0.298777, 0.490586, 0.681687, 0.872085, 0.938214, 0.749206, 0.560886, 0.373248, 0.186288 })]
    public void MelFilter_HasTheWeightsOfTheReference(int filter, int firstBin, double[] expected)
    {
        (int first, ReadOnlyMemory<double> weights) = Fbank.Filters[filter];

        Assert.Equal(firstBin, first);
        Assert.Equal(expected.Length, weights.Length);
        for (int k = 0; k < expected.Length; k++)
            Assert.Equal(expected[k], weights.Span[k], 5.1e-7); // the expected numbers are rounded to six digits
    }

    [Fact]
    public void MelFilter3_AloneIsEmpty() =>
        Assert.Equal([3], Enumerable.Range(0, Fbank.MelBins).Where(b => Fbank.Filters[b].Weights.IsEmpty));

    // Float64 figures of the specification, rounded to five and six digits; the input is float32, whose rounding (6e-8 of full scale)
    // is what the weak bins 64 and 127, sums of window side lobes, are made of: 5e-3 there.
    [Theory]
    [InlineData(0, 9.34363, -0.463176, 1e-4)]
    [InlineData(1, 6.49582, -0.680374, 1e-4)]
    [InlineData(3, -15.94239, -2.391693, 1e-5)]
    [InlineData(10, 12.51397, -0.221381, 1e-4)]
    [InlineData(20, 19.61094, 0.319892, 1e-4)]
    [InlineData(21, 23.88598, 0.645941, 1e-4)]
    [InlineData(22, 24.31244, 0.678466, 1e-4)]
    [InlineData(64, 3.04502, -0.943559, 5e-3)]
    [InlineData(90, 9.91597, -0.419525, 1e-4)]
    [InlineData(127, -0.42930, -1.208539, 5e-3)]
    public void OneFrame_HasTheKnownEnergies(int bin, double logEnergy, double normalised, double tolerance)
    {
        float[] x = new float[400];
        for (int n = 0; n < x.Length; n++)
            x[n] = (float)(0.5 * Math.Sin(2 * Math.PI * 440 * n / 16000) + 0.1 * Math.Cos(2 * Math.PI * 3000 * n / 16000));

        Assert.Equal(logEnergy, Fbank.LogMel(x)[bin], tolerance);
        Assert.Equal(normalised, Fbank.Compute(x)[bin], tolerance / 13 + 1e-6); // normalising divides by 13.1
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(0.25f)] // a constant has nothing left once each frame's mean is gone
    public void Silence_IsTheEnergyFloorEverywhere(float level)
    {
        float[] x = new float[1000];
        Array.Fill(x, level);

        Assert.All(Fbank.LogMel(x), value => Assert.Equal(SilentLog, value));
        Assert.All(Fbank.Compute(x), value => Assert.Equal(SilentFeature, value, 1e-6f)); // one float32 subtraction and division
    }

    [Fact]
    public void Frames_DependOnTheirOwnSamplesOnly()
    {
        float[] x = new float[3000];
        for (int n = 0; n < x.Length; n++)
            x[n] = (float)Math.Sin(0.001 * n * n);

        float[] whole = Fbank.Compute(x);
        float[] third = Fbank.Compute(x.AsSpan(2 * 160, 400));

        Assert.Equal(third, whole[(2 * 128)..(3 * 128)]);
    }

    [Fact]
    public void TooFewSamples_AreRefusedWithTheMinimum()
    {
        AudioFormatException e = Assert.Throws<AudioFormatException>(() => Fbank.Compute(new float[399]));
        Assert.Equal("fbank: 399 samples; one frame needs 400 (25 ms at 16 kHz).", e.Message);
        Assert.Equal(3013, e.Code);
    }

    [Theory]
    [InlineData(float.NaN, "NaN")]
    [InlineData(float.PositiveInfinity, "Infinity")]
    public void SamplesThatAreNotFinite_AreRefusedWithTheirIndex(float bad, string text)
    {
        float[] x = new float[800];
        x[777 - 160] = bad;
        AudioFormatException e = Assert.Throws<AudioFormatException>(() => Fbank.Compute(x));
        Assert.Equal($"fbank: sample 617 is {text}; samples are finite numbers in [-1, 1].", e.Message);
    }

    // In whichever place of a vector, and behind the last whole frame, which ends with sample 719.
    [Fact]
    public void ASampleThatIsNotFinite_IsFoundWhereverItIs()
    {
        float[] x = new float[800];
        Array.Fill(x, float.MaxValue);
        for (int at = 0; at < x.Length; at++)
        {
            x[at] = float.NegativeInfinity;
            string message = Assert.Throws<AudioFormatException>(() => Fbank.Compute(x)).Message;
            Assert.Equal($"fbank: sample {at} is -Infinity; samples are finite numbers in [-1, 1].", message);
            x[at] = float.MinValue;
        }

        Assert.DoesNotContain(float.NaN, Fbank.Compute(x));
    }

    [Fact]
    public void RealFft_EqualsTheDiscreteFourierTransform()
    {
        const int Size = 64;
        Vector<double>[] x = new Vector<double>[Size], power = new Vector<double>[Size / 2];
        for (int n = 0; n < Size; n++)
            x[n] = Vector.Create<double>([.. Enumerable.Range(0, Vector<double>.Count).Select(lane => Math.Sin((1.7 + lane) * n * n) + 0.3)]);

        new RealFft(Size).Power(x, power);

        for (int k = 0; k < Size / 2; k++)
        {
            for (int lane = 0; lane < Vector<double>.Count; lane++)
            {
                (double re, double im) = (0, 0);
                for (int n = 0; n < Size; n++)
                {
                    re += x[n][lane] * Math.Cos(-2 * Math.PI * k * n / Size);
                    im += x[n][lane] * Math.Sin(-2 * Math.PI * k * n / Size);
                }

                // 64 terms of size about 1: each sum is right to a few 1e-15, its square (up to 400) to 64 * 2^-53 * 2 * 20 < 1e-12.
                Assert.Equal(re * re + im * im, power[k][lane], 1e-11);
            }
        }
    }
}
