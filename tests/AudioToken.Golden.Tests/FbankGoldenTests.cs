using AudioToken.Audio;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Golden.Tests;

/// <summary>Log-mel features against torchaudio's; tolerances are those of goldens/README.md, section Tolerances, with the noise measured there.</summary>
public sealed class FbankGoldenTests : IDisposable
{
    private const double OnWaves = 5e-4;      // float32 against float64 of the reference: 1.1e-4 on wavs, 2.5e-4 on the impulse
    private const double OnWhiteNoise = 5e-3; // 1.5e-3: a bin can nearly cancel in one frame
    private readonly GoldenFile _golden = Goldens.Open("b1_fbank");

    public void Dispose() => _golden.Dispose();

    [Theory]
    [InlineData("noise_400", 400, 1)]
    [InlineData("noise_559", 559, 1)]
    [InlineData("noise_560", 560, 1)]
    [InlineData("noise_5s", 80000, 4)]
    [InlineData("noise_10s", 160000, 8)]
    public void Noise_AgreesWithTorchaudio(string name, int samples, int every)
    {
        float[] noise = WeightFormula.Uniform("fbank/" + name, [samples]);
        for (int i = 0; i < noise.Length; i++)
            noise[i] *= 0.5f;

        Compare(name, Fbank.LogMel(noise), every, OnWhiteNoise);
    }

    [Fact]
    public void Impulse_AgreesWithTorchaudio()
    {
        float[] impulse = new float[16000];
        impulse[8000] = 1;

        Compare("impulse_1s", Fbank.LogMel(impulse), every: 1, OnWaves);
    }

    [Fact]
    public void Silence_AgreesWithTorchaudio() =>
        Compare("silence_1s", Fbank.LogMel(new float[16000]), every: 1, 1e-6); // one constant, rounded to float32

    // Bins far from the tone hold the reference's own FFT rounding; those within 14 nats of their frame's maximum agree to 4e-5 there.
    [Fact]
    public void Sine_AgreesWithTorchaudioWhereTheToneIs()
    {
        float[] expected = _golden["sine440_1s.out.fbank"];
        float[] actual = Fbank.LogMel(_golden["sine440_1s.in.wave"]);
        Assert.Equal(expected.Length, actual.Length);

        int compared = 0;
        for (int frame = 0; frame < expected.Length / 128; frame++)
        {
            ReadOnlySpan<float> row = expected.AsSpan(frame * 128, 128);
            float maximum = row.ToArray().Max();
            for (int b = 0; b < 128; b++)
            {
                if (row[b] < maximum - 14)
                    continue;
                Assert.Equal(row[b], actual[frame * 128 + b], OnWaves);
                compared++;
            }
        }

        Assert.True(compared > 98 * 10, $"only {compared} bins were compared");
    }

    [Theory]
    [InlineData("wav0_10s", "gaZzFfzDQ.wav", 0, 10, 1)]
    [InlineData("wav0_5s_start3", "gaZzFfzDQ.wav", 3, 5, 1)]
    [InlineData("wav1_10s", "3YOH4c9HXpo.wav", 0, 10, 4)]
    public void RealSound_AgreesWithTorchaudio(string name, string file, int start, int seconds, int every)
    {
        float[] clip = Clip(file, start, seconds);

        Compare(name, Fbank.LogMel(clip), every, OnWaves);
    }

    [Fact]
    public void RealSound_NormalisesAsTheEncoderWantsIt() =>
        TensorAssert.MaxAbs(_golden["wav0_5s_start3.out.normalized"], Fbank.Compute(Clip("gaZzFfzDQ.wav", 3, 5)), OnWaves / 13.1);

    // The recipe of the goldens: tile, keep 10 s, take a part. 16-bit samples over 32768.
    private static float[] Clip(string file, int start, int seconds)
    {
        string? path = SharedData.PathOf("vggsound/" + file);
        Assert.SkipWhen(path is null, $"vggsound/{file} is not here (third-party sound, not part of the repository)");
        AudioClip clip = AudioClip.Load(path!, window: WindowPolicy.Official, cancellation: TestContext.Current.CancellationToken);
        return clip.Samples.Slice(start * 16000, seconds * 16000).ToArray();
    }

    private void Compare(string name, float[] actual, int every, double tolerance)
    {
        if (every > 1)
            actual = [.. Enumerable.Range(0, actual.Length / 128).Where(f => f % every == 0).SelectMany(f => actual[(f * 128)..((f + 1) * 128)])];
        TensorAssert.MaxAbs(_golden[$"{name}.out.fbank{(every > 1 ? $"_every{every}" : "")}"], actual, tolerance, name);
    }
}
