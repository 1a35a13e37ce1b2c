using AudioToken.Audio;
using CsCheck;
using Xunit;

namespace AudioToken.Tests.Audio;

public sealed class ResamplerTests
{
    // A sum of at most 600 products of terms below 1 whose absolute weights sum to about 3: float rounding of taps and sums stays below this.
    private const double Rounding = 2e-6;

    [Fact]
    public void EqualRates_PassBitForBit()
    {
        float[] x = Sweep(5000);
        Assert.Equal(x, Resampler.Resample(x, 16000, 16000));
        Assert.Equal(x, Resampler.Resample(x, 44100, 44100, ResampleFilter.Best));
    }

    // Known answers: torchaudio's formula run in float64 by PyTorch 1.13 (conv1d with stride) on 3000 samples of 0.5 sin(0.0007 n^2).
    [Theory]
    [InlineData(44100, false, 1089, new[] { 2.3506e-05, 0.002663845, 0.113346201, 0.000175186, 0.065811789 })]
    [InlineData(44100, true, 1089, new[] { 1e-09, 0.002628781, 0.113344428, 4e-09, 0.061544141 })]
    [InlineData(8000, false, 6000, new[] { 6.04e-07, 0.00010688, 0.492007698, -0.115099423, -0.092244685 })]
    [InlineData(8000, true, 6000, new[] { 0.0, 9.9666e-05, 0.491992981, -0.115106789, -0.094826568 })]
    public void Resample_HasTorchaudiosValues(int from, bool best, int length, double[] expected)
    {
        float[] y = Resampler.Resample(Sweep(3000), from, 16000, best ? ResampleFilter.Best : null);

        Assert.Equal(length, y.Length);
        int[] at = [0, 1, 100, 500, length - 1];
        for (int i = 0; i < at.Length; i++)
            Assert.Equal(expected[i], y[at[i]], Rounding);
    }

    [Theory]
    [InlineData(8000, 16000)]
    [InlineData(11025, 16000)]
    [InlineData(12345, 16000)]
    [InlineData(22050, 16000)]
    [InlineData(44100, 16000)]
    [InlineData(48000, 16000)]
    [InlineData(96000, 16000)]
    [InlineData(192000, 16000)]
    [InlineData(16000, 44100)]
    [InlineData(7, 3)]
    public void Resample_EqualsTheDenseFormula(int from, int to)
    {
        float[] x = Sweep(1500);
        double[] expected = Dense(x, from, to);
        float[] actual = Resampler.Resample(x, from, to);

        Assert.Equal(expected.Length, actual.Length);
        for (int k = 0; k < expected.Length; k++)
            Assert.Equal(expected[k], actual[k], Rounding);
    }

    [Fact]
    public void Blocks_DoNotChangeTheResult()
    {
        float[] x = Sweep(20_000);
        (int, int)[] rates = [(44100, 16000), (8000, 16000), (48000, 16000), (12347, 16000), (192000, 1000)];
        Gen.Select(Gen.OneOfConst(rates), Gen.Int[1, 3000], Gen.Int[0, 5000]).Sample(
            (rate, block, length) =>
            {
                float[] sound = x[..length];
                Resampler resampler = new(rate.Item1, rate.Item2);
                List<float> joined = [];
                for (int at = 0; at < length; at += block)
                    joined.AddRange(resampler.Process(sound.AsSpan(at, Math.Min(block, length - at))));
                joined.AddRange(resampler.Finish());
                Assert.Equal(Resampler.Resample(sound, rate.Item1, rate.Item2), joined);
            },
            iter: 60);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void ShortSounds_HaveTheRightLength(int samples)
    {
        Assert.Equal((samples * 16000 + 44099) / 44100, Resampler.Resample(new float[samples], 44100, 16000).Length);
        Assert.Equal(2 * samples, Resampler.Resample(new float[samples], 8000, 16000).Length);
    }

    // The same tones sampled at each rate and brought to 16 kHz are the same sound. Up to 3 kHz the default filter is flat: from 8 kHz its pass band is
    // half as wide as from 44.1 kHz (0.75 of the lower Nyquist rate within 0.15 dB, 1.7 %); hence 2 % of the amplitude, and 0.2 % for the long filter.
    [Theory]
    [InlineData(8000)]
    [InlineData(11025)]
    [InlineData(22050)]
    [InlineData(44100)]
    [InlineData(48000)]
    [InlineData(96000)]
    [InlineData(192000)]
    public void TheSameSoundAtAnyRate_IsTheSameSound(int rate)
    {
        static double Sound(double t) => 0.4 * Math.Sin(2 * Math.PI * 330 * t) + 0.3 * Math.Sin(2 * Math.PI * 1234 * t + 1) + 0.3 * Math.Sin(2 * Math.PI * 2900 * t + 2);
        float[] x = [.. Enumerable.Range(0, rate / 2).Select(n => (float)Sound((double)n / rate))];

        foreach ((ResampleFilter filter, double tolerance) in new[] { (ResampleFilter.Torchaudio, 0.02), (ResampleFilter.Best, 0.002) })
        {
            float[] y = Resampler.Resample(x, rate, 16000, filter);
            Assert.Equal(8000, y.Length);
            for (int k = 400; k < 7600; k++) // away from the ends, where zeros stand outside
                Assert.Equal(Sound(k / 16000.0), y[k], tolerance);
        }
    }

    // The width-6 filter of torchaudio does not hold -60 dB next to the edge: see ResampleFilter.Torchaudio, whose figures these are.
    [Theory]
    [InlineData(13000, -60)]
    [InlineData(15000, -60)]
    [InlineData(17500, -60)]
    [InlineData(21000, -60)]
    [InlineData(12000, -54)]
    [InlineData(10000, -43)]
    [InlineData(9000, -16)]
    public void DefaultFilter_DampsWhatWouldFoldBack(int hz, double decibels)
    {
        foreach (int rate in new[] { 44100, 48000, 96000 })
            Assert.InRange(Level(hz, rate, ResampleFilter.Torchaudio), -300, decibels);
    }

    [Theory]
    [InlineData(8020)]
    [InlineData(8200)]
    [InlineData(9000)]
    [InlineData(12000)]
    [InlineData(19000)]
    public void BestFilter_LetsNothingFoldBackAboveMinus60Decibels(int hz)
    {
        foreach (int rate in new[] { 44100, 48000, 96000 })
            Assert.InRange(Level(hz, rate, ResampleFilter.Best), -300, -60);
    }

    [Fact]
    public void Filters_PassTheBandTheyPromise()
    {
        Assert.Equal(0, Level(6000, 44100, ResampleFilter.Torchaudio), 0.15);
        Assert.Equal(-1.78, Level(7000, 44100, ResampleFilter.Torchaudio), 0.02);
        Assert.Equal(0, Level(7200, 44100, ResampleFilter.Best), 0.03);
    }

    [Fact]
    public void AnyRateTheReaderAccepts_HasATableOfBoundedSize()
    {
        Assert.Equal(16000, new Resampler(767_999, 16000).OutputLength(767_999)); // no common factor: 16,000 phases

        AudioFormatException e = Assert.Throws<AudioFormatException>(() => new Resampler(767_999, 16000, ResampleFilter.Best));
        Assert.Equal("resampling 767999 Hz to 16000 Hz: 16000 phases of 6484 taps are 395 MB of filter, at most 64 MB.", e.Message);
        Assert.Equal(3016, e.Code);
    }

    private static float[] Sweep(int length) => [.. Enumerable.Range(0, length).Select(n => (float)(0.5 * Math.Sin(0.0007 * n * n)))];

    // Level of a full-scale tone after resampling, dB, by the mean square of the middle.
    private static double Level(int hz, int rate, ResampleFilter filter)
    {
        float[] x = [.. Enumerable.Range(0, rate / 2).Select(n => (float)Math.Sin(2 * Math.PI * hz * n / rate))];
        float[] y = Resampler.Resample(x, rate, 16000, filter)[1500..^1500];
        return 10 * Math.Log10(2 * y.Average(v => (double)v * v) + 1e-30);
    }

    // torchaudio's functional.resample as it stands: every tap of every phase, in double.
    private static double[] Dense(float[] x, int from, int to)
    {
        int gcd = (int)System.Numerics.BigInteger.GreatestCommonDivisor(from, to), o = from / gcd, n = to / gcd;
        double cutoff = Math.Min(o, n) * 0.99;
        int width = (int)Math.Ceiling(6 * o / cutoff);
        double[] y = new double[(x.Length * n + o - 1) / o];
        for (int k = 0; k < y.Length; k++)
        {
            (int block, int phase) = (k / n, k % n);
            for (int idx = -width; idx < width + o; idx++)
            {
                int at = block * o + idx;
                if (at < 0 || at >= x.Length)
                    continue;
                double t = Math.Clamp((-(double)phase / n + (double)idx / o) * cutoff, -6, 6);
                double window = Math.Pow(Math.Cos(t * Math.PI / 12), 2);
                y[k] += x[at] * (t == 0 ? 1 : Math.Sin(Math.PI * t) / (Math.PI * t)) * window * cutoff / o;
            }
        }

        return y;
    }
}
