using System.Security.Cryptography;
using System.Text;
using AudioToken.Audio;
using AudioToken.Testing;
using AudioToken.World;
using Xunit;

namespace AudioToken.Tests.World;

/// <summary>Each kind's sound and picture are the recorded bytes, on every machine.</summary>
/// <remarks>With AUDIOTOKEN_REGENERATE=1 the record is written anew in the working tree; <c>WorldFolder</c>'s recipe number is then to be raised.</remarks>
public sealed class WorldDigestTests
{
    private const string Record = "world/digests.txt";

    [Fact]
    public void SoundsAndPictures_AreTheRecordedBytes()
    {
        StringBuilder made = new();
        foreach (WorldKind kind in WorldKinds.All)
        {
            foreach (ulong seed in (ulong[])[0, 123456789, ulong.MaxValue])
            {
                WorldSample sample = new(kind, seed);
                using MemoryStream wav = new();
                WavWriter.Write(wav, sample.Sound(1.5), 1, 16000);
                made.Append(sample.Name).Append(' ').Append(Digest(wav.ToArray())).Append(' ').Append(Digest(sample.Picture(96).Rgb)).Append(' ').Append(sample.Caption).Append('\n');
            }
        }

        if (Environment.GetEnvironmentVariable("AUDIOTOKEN_REGENERATE") == "1" && Repository.Root is { } root)
        {
            File.WriteAllText(Path.Combine(root, "tests", "goldens", Record), made.ToString());
            return;
        }

        Assert.Equal(File.ReadAllLines(Goldens.PathOf(Record)), made.ToString().TrimEnd('\n').Split('\n'));
    }

    private static string Digest(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes))[..16];
}
