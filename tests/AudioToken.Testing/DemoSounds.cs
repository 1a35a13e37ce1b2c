using AudioToken.Audio;
using AudioToken.World;

namespace AudioToken.Testing;

/// <summary>The sounds that the repository ships: five seconds of held-out seeds of the small world.</summary>
public static class DemoSounds
{
    private const int Rate = 16000;

    /// <summary>Names of the sounds, which are also the names of their files without ".wav".</summary>
    public static IReadOnlyList<string> Names { get; } = ["rain", "bell", "birdsong"];

    /// <summary>One sound's samples, [T].</summary>
    public static float[] Samples(string name) => WorldKinds.Find(name).Sound(WorldSeeds.Of(WorldSplit.HeldOut, 0), 5 * Rate);

    /// <summary>Writes one sound as a WAV file.</summary>
    public static void Write(string name, Stream stream) => WavWriter.Write(stream, Samples(name), channels: 1, Rate);
}
