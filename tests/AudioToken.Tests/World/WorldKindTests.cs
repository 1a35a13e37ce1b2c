using AudioToken.Pipelines.Imaging;
using AudioToken.World;
using Xunit;

namespace AudioToken.Tests.World;

public sealed class WorldKindTests
{
    public static TheoryData<string> Names() => [.. WorldKinds.All.Select(kind => kind.Name)];

    [Fact]
    public void Kinds_AreAtLeastTwelveWithNamesOfTheirOwn()
    {
        Assert.True(WorldKinds.All.Count >= 12);
        Assert.Equal(WorldKinds.All.Count, WorldKinds.All.Select(kind => kind.Name).Distinct().Count());
        Assert.All(WorldKinds.All, kind => Assert.Same(kind, WorldKinds.Find(kind.Name)));
        Assert.Contains("there is no kind 'cat'; there are rain, ", Assert.Throws<ArgumentException>(() => WorldKinds.Find("cat")).Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Names))]
    public void Sound_IsAudibleWithinFullScaleAndOfTheLengthAskedFor(string name)
    {
        for (ulong seed = 0; seed < 6; seed++)
        {
            float[] sound = WorldKinds.Find(name).Sound(seed, 32001);
            Assert.Equal(32001, sound.Length);
            Assert.All(sound, x => Assert.True(x is >= -1 and <= 1));
            // Finish levels the peak between -14 and -1 dB; the background can take off at most its own -32 dB.
            Assert.True(sound.Max(Math.Abs) > 0.15, $"seed {seed}: peak {sound.Max(Math.Abs)}");
        }

        Assert.Single(WorldKinds.Find(name).Sound(0, 1));
    }

    [Theory, MemberData(nameof(Names))]
    public void Seeds_SoundAndLookUnlikeEachOther(string name)
    {
        WorldKind kind = WorldKinds.Find(name);
        float[][] sounds = [.. Enumerable.Range(0, 8).Select(seed => kind.Sound((ulong)seed, 16000))];
        byte[][] pictures = [.. Enumerable.Range(0, 8).Select(seed => new WorldSample(kind, (ulong)seed).Picture(48).Rgb.ToArray())];
        for (int a = 0; a < 8; a++)
        {
            for (int b = 0; b < a; b++)
            {
                double product = 0, first = 0, second = 0;
                for (int n = 0; n < 16000; n++)
                    (product, first, second) = (product + sounds[a][n] * sounds[b][n], first + sounds[a][n] * sounds[a][n], second + sounds[b][n] * sounds[b][n]);
                Assert.True(Math.Abs(product) < 0.9 * Math.Sqrt(first * second), $"seeds {a} and {b} sound alike");
                Assert.True(pictures[a].Zip(pictures[b], (p, q) => Math.Abs(p - q)).Average() > 3, $"seeds {a} and {b} look alike");
            }
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void Sound_BeginsAlikeWhateverTheKindsDrawnBefore(string name)
    {
        WorldKind kind = WorldKinds.Find(name);
        float[] once = kind.Sound(77, 8000);
        new WorldSample(kind, 77).Picture(32);
        Assert.Equal(once, kind.Sound(77, 8000));
    }

    // Every time, place, weather and look that a caption can name can be drawn, at any size, and is another picture.
    [Theory, MemberData(nameof(Names))]
    public void Attributes_CanBeChosen(string name)
    {
        WorldKind kind = WorldKinds.Find(name);
        SceneAttributes plain = new(kind, TimeOfDay.Day, kind.Places[0], kind.Weathers[0], 0, 1);
        ImageBuffer day = WorldSample.Picture(plain, 5, 40);
        Assert.Equal((40, 40), (day.Width, day.Height));
        SceneAttributes[] others =
        [
            .. Enum.GetValues<TimeOfDay>().Where(time => time != TimeOfDay.Day).Select(time => plain with { Time = time }),
            .. kind.Places.Skip(1).Select(place => plain with { Place = place }),
            .. kind.Weathers.Skip(1).Select(weather => plain with { Weather = weather }),
            .. Enumerable.Range(1, kind.Looks.Count - 1).Select(look => plain with { Look = look }),
            .. Enumerable.Range(2, kind.MostOfThem - 1).Select(count => plain with { Count = count }),
        ];
        Assert.All(others, other => Assert.NotEqual(day.Rgb.ToArray(), WorldSample.Picture(other, 5, 40).Rgb.ToArray()));
        Assert.True(Brightness(WorldSample.Picture(plain with { Time = TimeOfDay.Night }, 5, 40)) < 0.85 * Brightness(day), "night is as bright as day");
    }

    [Theory, MemberData(nameof(Names))]
    public void Pictures_OfAnySizeShowTheSame(string name)
    {
        WorldSample sample = new(WorldKinds.Find(name), 9);
        ImageBuffer small = sample.Picture(32), large = sample.Picture(128);
        double difference = 0;
        for (int y = 0; y < 32; y++)
        {
            for (int i = 0; i < 96; i++)
            {
                int sum = 0;
                for (int k = 0; k < 16; k++)
                    sum += large.Row(4 * y + k / 4)[12 * (i / 3) + 3 * (k % 4) + i % 3];
                difference += Math.Abs(sum / 16.0 - small.Row(y)[i]) / (32 * 96);
            }
        }

        Assert.True(difference < 4, $"mean difference {difference} of 255"); // coverage is exact to a quarter of a line; translucent edges differ a little
    }

    [Fact]
    public void ImpossibleScenes_AreRefused()
    {
        SceneAttributes scene = new(WorldKinds.Find("sea"), TimeOfDay.Day, Place.Forest, Weather.Clear, 0, 1);
        Assert.Contains("'sea' has no scene at Forest; it has Beach, Mountains", Refusal(scene), StringComparison.Ordinal);
        Assert.Contains("wanted look 9, count 1", Refusal(scene with { Place = Place.Beach, Look = 9 }), StringComparison.Ordinal);
        Assert.Contains("'rain' has no weather Snow; it has Clear", Refusal(new(WorldKinds.Find("rain"), TimeOfDay.Day, Place.Town, Weather.Snow, 0, 1)), StringComparison.Ordinal);
        Assert.Contains("the size is 8, wanted 16 to 2048", Assert.Throws<ArgumentException>(() => new WorldSample(WorldKinds.All[0], 0).Picture(8)).Message, StringComparison.Ordinal);
    }

    private static string Refusal(SceneAttributes scene) => Assert.Throws<ArgumentException>(() => WorldSample.Picture(scene, 0)).Message;

    private static double Brightness(ImageBuffer picture)
    {
        double sum = 0;
        foreach (byte value in picture.Rgb)
            sum += value;
        return sum / picture.Rgb.Length;
    }
}
