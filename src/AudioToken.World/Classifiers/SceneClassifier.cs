using AudioToken.Pipelines.Imaging;
using AudioToken.World.Numbers;

namespace AudioToken.World.Classifiers;

/// <summary>Names the kind of a picture. Trained on drawn scenes alone, of seeds that nothing else is trained on (<see cref="WorldSplit.Judging"/>).</summary>
/// <remarks>Each scene is learned as drawn and twice degraded, so that soft and noisy pictures are named too. Safe for concurrent calls.</remarks>
public sealed class SceneClassifier
{
    private const int PictureSize = 64, Features = 600;

    private readonly RidgeClassifier _classifier;

    private SceneClassifier(IReadOnlyList<WorldKind> kinds, RidgeClassifier classifier) => (Kinds, _classifier) = (kinds, classifier);

    /// <summary>The kinds it knows, in the order of its probabilities.</summary>
    public IReadOnlyList<WorldKind> Kinds { get; }

    /// <summary>Draws scenes and learns them.</summary>
    /// <param name="kinds">The kinds to tell apart; at least two.</param>
    /// <param name="scenesOfEach">Scenes of each kind; 120 take some seconds.</param>
    /// <param name="cancellation">Ends it early.</param>
    public static SceneClassifier Train(IReadOnlyList<WorldKind> kinds, int scenesOfEach = 120, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(kinds);
        ArgumentOutOfRangeException.ThrowIfLessThan(kinds.Count, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(scenesOfEach, 2);
        int fitted = scenesOfEach - Math.Max(1, scenesOfEach / 8);
        const int Versions = 3;
        double[][] examples = new double[kinds.Count * scenesOfEach * Versions][];
        Parallel.For(0, kinds.Count * scenesOfEach, new ParallelOptions { CancellationToken = cancellation }, i =>
        {
            ImageBuffer drawn = new WorldSample(kinds[i % kinds.Count], WorldSeeds.Of(WorldSplit.Judging, (ulong)(i / kinds.Count))).Picture(PictureSize);
            Draws draws = new((ulong)i, "degradation");
            for (int version = 0; version < Versions; version++)
                examples[i * Versions + version] = PictureFeatures.Of(version == 0 ? drawn : Degradation.Of(drawn, draws));
        });

        int[] labels = [.. Enumerable.Range(0, examples.Length).Select(i => i / Versions % kinds.Count)];
        int first = fitted * kinds.Count * Versions; // the rest calibrates the probabilities
        RidgeClassifier classifier = RidgeClassifier.Fit(examples[..first], labels[..first], kinds.Count, Features, cancellation);
        classifier.Calibrate(examples[first..], labels[first..]);
        return new SceneClassifier(kinds, classifier);
    }

    /// <summary>Names a picture of any size.</summary>
    public Naming Name(ImageBuffer picture)
    {
        double[] probabilities = Probabilities(picture);
        int best = Array.IndexOf(probabilities, probabilities.Max());
        return new Naming(Kinds[best], probabilities[best]);
    }

    /// <summary>The probability of each of <see cref="Kinds"/>.</summary>
    public double[] Probabilities(ImageBuffer picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        return _classifier.Probabilities(PictureFeatures.Of(picture));
    }
}
