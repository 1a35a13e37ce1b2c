using AudioToken.Pipelines.Imaging;
using AudioToken.World;
using AudioToken.World.Classifiers;
using Xunit;

namespace AudioToken.Tests.World;

public sealed class ClassifierTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    // A third of what the command learns from; the full run names 99 % (benchmarks/README.md).
    [Fact]
    public void FreshScenesAndSounds_AreNamed()
    {
        WorldCheck check = WorldCheck.Run(WorldKinds.All, ofEach: 6, learnOfEach: 40, seconds: 3, Cancellation);
        Assert.Equal(6 * WorldKinds.All.Count, check.Scenes.Total);
        Assert.True(check.Scenes.Accuracy > 0.9, $"scenes\n{check.Scenes}");
        Assert.True(check.Degraded.Accuracy > 0.85, $"degraded scenes\n{check.Degraded}");
        Assert.True(check.Sounds.Accuracy > 0.9, $"sounds\n{check.Sounds}");
    }

    [Fact]
    public void Training_GivesTheSameProbabilitiesAgain()
    {
        WorldKind[] kinds = [WorldKinds.Find("sea"), WorldKinds.Find("fire"), WorldKinds.Find("dog")];
        WorldSample sample = new(kinds[1], WorldSeeds.Of(WorldSplit.HeldOut, 3));
        SceneClassifier first = SceneClassifier.Train(kinds, 8, Cancellation), second = SceneClassifier.Train(kinds, 8, Cancellation);
        double[] probabilities = first.Probabilities(sample.Picture());
        Assert.Equal(probabilities, second.Probabilities(sample.Picture()));
        Assert.Equal(1, probabilities.Sum(), 1e-12);
        Naming naming = first.Name(sample.Picture());
        Assert.Equal(probabilities.Max(), naming.Probability);
        Assert.Same(kinds[Array.IndexOf(probabilities, probabilities.Max())], naming.Kind);
    }

    [Fact]
    public void NoiseWithoutAScene_IsNamedWithoutConviction()
    {
        SceneClassifier classifier = SceneClassifier.Train(WorldKinds.All, 12, Cancellation);
        double sure = Enumerable.Range(0, 20).Average(i => classifier.Name(new WorldSample(WorldKinds.All[i % WorldKinds.All.Count], WorldSeeds.Of(WorldSplit.HeldOut, (ulong)i)).Picture()).Probability);
        Random random = new(1);
        byte[] noise = new byte[3 * 128 * 128];
        random.NextBytes(noise);
        Assert.True(classifier.Name(new ImageBuffer(128, 128, noise)).Probability < sure);
    }

    // A model that always draws the same is named once and for all, and so is right by chance alone: RELIABILITY case 63.
    [Fact]
    public void PicturesThatAreAllAlike_AreRightByChance()
    {
        SceneClassifier classifier = SceneClassifier.Train(WorldKinds.All, 8, Cancellation);
        foreach (byte shade in new byte[] { 0, 128, 255 })
        {
            ConfusionMatrix matrix = new(WorldKinds.All);
            byte[] flat = new byte[3 * 64 * 64];
            Array.Fill(flat, shade);
            ImageBuffer picture = new(64, 64, flat);
            Assert.All(classifier.Probabilities(picture), probability => Assert.True(double.IsFinite(probability)));
            foreach (WorldKind kind in WorldKinds.All)
                matrix.Add(kind, classifier.Name(picture).Kind);
            Assert.Equal((WorldKinds.All.Count, 1), (matrix.Total, matrix.Right));
        }
    }

    [Fact]
    public void PicturesOfAllSizes_AreNamed()
    {
        SceneClassifier classifier = SceneClassifier.Train(WorldKinds.All, 40, Cancellation);
        foreach (int side in new[] { 64, 128, 200, 512 })
        {
            int right = WorldKinds.All.Count(kind => classifier.Name(new WorldSample(kind, WorldSeeds.Of(WorldSplit.HeldOut, 5)).Picture(side)).Kind == kind);
            Assert.True(right >= 14, $"{right} of {WorldKinds.All.Count} of {side} pixels");
        }

        foreach ((int width, int height) in new[] { (1, 1), (33, 7), (8, 640) })
            Assert.InRange(classifier.Name(new ImageBuffer(width, height, new byte[3 * width * height])).Probability, 0, 1);
    }

    [Fact]
    public void Confusions_AreCounted()
    {
        WorldKind[] kinds = [WorldKinds.Find("sea"), WorldKinds.Find("dog")];
        ConfusionMatrix matrix = new(kinds);
        Assert.Equal(0, matrix.Accuracy);
        matrix.Add(kinds[0], kinds[0]);
        matrix.Add(kinds[1], kinds[0]);
        matrix.Add(kinds[1], kinds[0]);
        Assert.Equal((3, 1, 2, 0), (matrix.Total, matrix.Right, matrix.Count(kinds[1], kinds[0]), matrix.Count(kinds[0], kinds[1])));
        Assert.Equal("       sea   dog\nsea      1     .\ndog      2     .", matrix.ToString());
        Assert.Contains("'bell' is not among sea, dog", Assert.Throws<ArgumentException>(() => matrix.Add(WorldKinds.Find("bell"), kinds[0])).Message, StringComparison.Ordinal);
    }
}
