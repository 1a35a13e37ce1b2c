using AudioToken.Pipelines.Imaging;
using AudioToken.World.Numbers;

namespace AudioToken.World.Classifiers;

/// <summary>How well fresh scenes and sounds are named: the roof for what a model trained on them can reach.</summary>
/// <param name="Scenes">Scenes as drawn.</param>
/// <param name="Degraded">The same, blurred, noisy and shifted.</param>
/// <param name="Sounds">Sounds.</param>
public sealed record WorldCheck(ConfusionMatrix Scenes, ConfusionMatrix Degraded, ConfusionMatrix Sounds)
{
    /// <summary>Trains both classifiers and has them name held-out seeds.</summary>
    /// <param name="kinds">The kinds to tell apart.</param>
    /// <param name="ofEach">Fresh samples of each kind.</param>
    /// <param name="learnOfEach">Samples of each kind to learn from.</param>
    /// <param name="seconds">Length of the sounds.</param>
    /// <param name="cancellation">Ends it early.</param>
    public static WorldCheck Run(IReadOnlyList<WorldKind> kinds, int ofEach = 40, int learnOfEach = 120, double seconds = 5, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(kinds);
        SceneClassifier scenes = SceneClassifier.Train(kinds, learnOfEach, cancellation);
        SoundClassifier sounds = SoundClassifier.Train(kinds, learnOfEach, seconds, cancellation);
        (WorldKind Drawn, WorldKind Degraded, WorldKind Heard)[] named = new (WorldKind, WorldKind, WorldKind)[kinds.Count * ofEach];
        Parallel.For(0, named.Length, new ParallelOptions { CancellationToken = cancellation }, i =>
        {
            WorldSample sample = new(kinds[i % kinds.Count], WorldSeeds.Of(WorldSplit.HeldOut, (ulong)(i / kinds.Count)));
            ImageBuffer picture = sample.Picture();
            named[i] = (scenes.Name(picture).Kind, scenes.Name(Degradation.Of(picture, new Draws((ulong)i, "check"))).Kind, sounds.Name(sample.Sound(seconds)).Kind);
        });

        WorldCheck check = new(new(kinds), new(kinds), new(kinds));
        for (int i = 0; i < named.Length; i++)
        {
            WorldKind actual = kinds[i % kinds.Count];
            check.Scenes.Add(actual, named[i].Drawn);
            check.Degraded.Add(actual, named[i].Degraded);
            check.Sounds.Add(actual, named[i].Heard);
        }

        return check;
    }
}
