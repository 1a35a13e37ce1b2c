using System.Buffers.Binary;
using System.Text;
using Xunit;

namespace AudioToken.Testing;

/// <summary>The two real clips from which some goldens were made; third-party, so tests on them skip where they are absent.</summary>
public static class RecordedClip
{
    private static readonly string[] s_names = ["gaZzFfzDQ.wav", "3YOH4c9HXpo.wav"];

    /// <summary>Samples in [-1, 1) under the reference's rule: the clip repeated, cut to ten seconds, then the seconds asked for.</summary>
    public static float[] Samples(int clip, int startSeconds, int seconds)
    {
        string? path = SharedData.PathOf(Path.Combine("vggsound", s_names[clip]));
        Assert.SkipWhen(path is null, $"{s_names[clip]} is not here: it is third-party data.");
        const int rate = 16000;
        byte[] file = File.ReadAllBytes(path!);

        // 16-bit mono, with a LIST chunk before the data.
        int at = 12;
        while (Encoding.ASCII.GetString(file, at, 4) != "data")
            at += 8 + BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at + 4));
        int count = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at + 4)) / 2;
        float[] samples = new float[seconds * rate];
        for (int i = 0; i < samples.Length; i++)
            samples[i] = BinaryPrimitives.ReadInt16LittleEndian(file.AsSpan(at + 8 + (startSeconds * rate + i) % count * 2)) / 32768f;
        return samples;
    }
}
