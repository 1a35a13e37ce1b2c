using AudioToken.Audio;
using AudioToken.Pipelines;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Tests.Pipelines;

/// <summary>One sound at every usual rate: the same token where the rate holds the band, the same features in the band that it does hold.</summary>
/// <remarks>The sound is a formula of time, so that every rate samples the very same one: partials of random phase, dense enough that
/// every mel bin hears several.</remarks>
public sealed class SampleRateTests(TinyPipeline tiny) : IClassFixture<TinyPipeline>
{
    // Ten times what is measured (1e-5 at 22050 Hz, 4e-6 above).
    private const double MostDistance = 1e-4;

    // Half a decibel, 0.115 nats: what the resampler's passband may bend.
    private const double MostNats = 0.115;

    [Theory]
    [InlineData(22050)]
    [InlineData(44100)]
    [InlineData(48000)]
    [InlineData(96000)]
    [InlineData(192000)]
    public async Task SameSoundAtAHigherRate_GivesTheSameToken(int rateHz)
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        float[] reference = await pipeline.EncodeAsync(Heard(16000, 6500), TinyPipeline.TestEnd);
        float[] token = await pipeline.EncodeAsync(Heard(rateHz, 6500), TinyPipeline.TestEnd);
        double dot = 0, a = 0, b = 0;
        for (int i = 0; i < token.Length; i++)
            (dot, a, b) = (dot + (double)token[i] * reference[i], a + (double)token[i] * token[i], b + (double)reference[i] * reference[i]);
        double distance = 1 - dot / Math.Sqrt(a * b);
        TestContext.Current.TestOutputHelper?.WriteLine($"{rateHz} Hz: cosine distance {distance:g3}");
        Assert.InRange(distance, 0, MostDistance);
    }

    [Theory]
    [InlineData(8000)]
    [InlineData(11025)]
    public void SameSoundAtALowerRate_GivesTheSameFeaturesInItsBand(int rateHz)
    {
        const int bins = 76; // below 2.5 kHz: from there to 4 kHz the filter of an 8 kHz sound bends
        float[] reference = Fbank.LogMel(Heard(16000, 3400).Span), heard = Fbank.LogMel(Heard(rateHz, 3400).Span);
        double worst = 0;
        // The first and last frame hold the sound's ends, where a rate's last sample lies elsewhere.
        for (int frame = 1; frame < reference.Length / Fbank.MelBins - 2; frame++)
        {
            for (int bin = 4; bin < bins; bin++)
                worst = Math.Max(worst, Math.Abs(reference[frame * Fbank.MelBins + bin] - heard[frame * Fbank.MelBins + bin]));
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{rateHz} Hz: {worst:g3} nats");
        Assert.InRange(worst, 0, MostNats);
    }

    // Two seconds, without repetition.
    private static ReadOnlyMemory<float> Heard(int rateHz, double highestHertz)
    {
        const int partials = 400;
        float[] drawn = new Draw(seed: 5).Uniform([2, partials], 0, 1);
        float[] samples = new float[2 * rateHz];
        for (int k = 0; k < partials; k++)
        {
            double hertz = 50 + (highestHertz - 50) * (k + drawn[k]) / partials, phase = 2 * Math.PI * drawn[partials + k];
            for (int i = 0; i < samples.Length; i++)
                samples[i] += (float)(0.01 * Math.Sin(2 * Math.PI * hertz * i / rateHz + phase));
        }

        return AudioClip.From(new Waveform(samples, 1, rateHz), window: WindowPolicy.Whole).Samples;
    }
}
