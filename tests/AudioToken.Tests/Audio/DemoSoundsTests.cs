using AudioToken.Audio;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Tests.Audio;

public sealed class DemoSoundsTests
{
    public static TheoryData<string> Names() => [.. DemoSounds.Names];

    [Theory, MemberData(nameof(Names))]
    public void DemoSound_IsAShortSoundThatTheEncoderCanHear(string name)
    {
        using MemoryStream file = new();
        DemoSounds.Write(name, file);
        Assert.Equal(SampleBytes(name), file.ToArray()[44..]);

        file.Position = 0;
        using AudioReader reader = AudioReader.Open(file, name);
        AudioClip clip = AudioClip.From(reader, window: WindowPolicy.Whole, cancellation: TestContext.Current.CancellationToken);
        Assert.InRange(clip.Seconds, 4, 5);
        Assert.Empty(clip.Warnings);
        float[] samples = clip.Samples.ToArray();
        Assert.InRange(samples.Max(Math.Abs), 0.2f, 1f);
        Assert.DoesNotContain(Fbank.Compute(samples), x => !float.IsFinite(x));
    }

    [Fact]
    public void DemoSounds_SoundDifferent()
    {
        // Mean log-mel spectra: rain broad, the bell low, the birds high.
        float[] Spectrum(string name)
        {
            float[] fbank = Fbank.LogMel(DemoSounds.Samples(name));
            return [.. Enumerable.Range(0, 128).Select(b => Enumerable.Range(0, fbank.Length / 128).Average(f => fbank[f * 128 + b]))];
        }

        (float[] rain, float[] bell, float[] birds) = (Spectrum("rain"), Spectrum("bell"), Spectrum("birdsong"));
        Assert.True(bell[25] > bell[100] + 5); // about 390 Hz over 4.6 kHz
        Assert.True(birds[95] > birds[25] + 3); // about 4 kHz over 390 Hz
        Assert.True(rain[40] - rain[110] < 10); // broad
    }

    private static byte[] SampleBytes(string name) => [.. DemoSounds.Samples(name).SelectMany(x => BitConverter.GetBytes((short)Math.Round(x * 32768.0)))];
}
