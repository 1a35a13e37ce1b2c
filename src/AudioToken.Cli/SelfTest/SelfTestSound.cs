namespace AudioToken.Cli.SelfTest;

/// <summary>The self-test's sound: two gliding tones and their beat, half a second. It is recorded with the rest, so that no mathematics library comes into the comparison.</summary>
internal static class SelfTestSound
{
    private const int SampleRateHz = 16000;

    public static float[] Samples()
    {
        float[] samples = new float[SampleRateHz / 2];
        for (int i = 0; i < samples.Length; i++)
        {
            double t = (double)i / SampleRateHz;
            samples[i] = (float)(0.4 * Math.Sin(2 * Math.PI * (300 + 900 * t) * t) + 0.2 * Math.Sin(2 * Math.PI * (2400 - 600 * t) * t));
        }

        return samples;
    }
}
