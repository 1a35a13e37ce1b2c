using AudioToken.Models.Clip;
using AudioToken.Tests.Clip;
using AudioToken.World;
using Xunit;

namespace AudioToken.Tests.World;

public sealed class CaptionTests
{
    [Theory]
    [InlineData("dog", TimeOfDay.Night, Place.Meadow, Weather.Clear, 0, 1, "a brown dog in a meadow at night")]
    [InlineData("dog", TimeOfDay.Day, Place.Beach, Weather.Snow, 3, 2, "two golden dogs at the beach in the snow by day")]
    [InlineData("fire", TimeOfDay.Dusk, Place.Forest, Weather.Fog, 0, 1, "an orange fire in a forest in the fog at dusk")]
    [InlineData("rain", TimeOfDay.Dawn, Place.Town, Weather.Clear, 1, 1, "heavy rain in a town at dawn")]
    [InlineData("birdsong", TimeOfDay.Day, Place.Mountains, Weather.Cloudy, 2, 3, "three yellow birds in the mountains under clouds by day")]
    public void Captions_SayTheScene(string kind, TimeOfDay time, Place place, Weather weather, int look, int count, string expected)
    {
        SceneAttributes scene = new(WorldKinds.Find(kind), time, place, weather, look, count);
        Assert.Equal(expected, Caption.Full(scene));
        Assert.StartsWith("<*> ", Caption.Around("<*>", scene), StringComparison.Ordinal);
        Assert.EndsWith(Caption.When(time), Caption.Around("<*>", scene), StringComparison.Ordinal);
    }

    [Fact]
    public void EveryCaption_FitsTheTokenizer()
    {
        ClipTokenizer tokenizer = TokenizerFixtures.Tiny();
        foreach (WorldKind kind in WorldKinds.All)
        {
            HashSet<string> said = [];
            foreach (SceneAttributes scene in Scenes(kind))
            {
                string caption = Caption.Full(scene);
                Assert.True(said.Add(caption), $"'{caption}' says two scenes");
                Assert.Matches("^[a-z]+( [a-z]+)*$", caption);
                Assert.True(caption.Count(c => c != ' ') <= 75, caption); // a token a letter would still fit
                Assert.InRange(tokenizer.Encode(caption).Count, 1, 75);
            }
        }
    }

    [Fact]
    public void DrawnCaptions_AreMadeOfTheFullOnesPhrasesAndVary()
    {
        foreach (WorldKind kind in WorldKinds.All)
        {
            HashSet<string> captions = [];
            for (ulong seed = 0; seed < 60; seed++)
            {
                WorldSample sample = new(kind, seed);
                HashSet<string> words = [.. Caption.Full(sample.Scene).Split(' '), "a", "an"];
                Assert.All(sample.Caption.Split(' '), word => Assert.Contains(word, words));
                captions.Add(sample.Caption);
            }

            Assert.True(captions.Count > 20, $"{kind}: {captions.Count} captions of 60 seeds");
        }
    }

    [Fact]
    public void Attributes_AllComeUp()
    {
        foreach (WorldKind kind in WorldKinds.All)
        {
            SceneAttributes[] drawn = [.. Enumerable.Range(0, 300).Select(seed => SceneAttributes.Draw(kind, (ulong)seed))];
            Assert.Equal(4, drawn.Select(scene => scene.Time).Distinct().Count());
            Assert.Equal(kind.Places.Count, drawn.Select(scene => scene.Place).Distinct().Count());
            Assert.Equal(kind.Weathers.Count, drawn.Select(scene => scene.Weather).Distinct().Count());
            Assert.Equal(kind.Looks.Count, drawn.Select(scene => scene.Look).Distinct().Count());
            Assert.Equal(kind.MostOfThem, drawn.Select(scene => scene.Count).Distinct().Count());
        }
    }

    private static IEnumerable<SceneAttributes> Scenes(WorldKind kind) =>
        from time in Enum.GetValues<TimeOfDay>()
        from place in kind.Places
        from weather in kind.Weathers
        from look in Enumerable.Range(0, kind.Looks.Count)
        from count in Enumerable.Range(1, kind.MostOfThem)
        select new SceneAttributes(kind, time, place, weather, look, count);
}
