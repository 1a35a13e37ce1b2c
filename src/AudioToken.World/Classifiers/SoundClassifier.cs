namespace AudioToken.World.Classifiers;

/// <summary>Names the kind of a sound by statistics of its log-mel features. Trained as <see cref="SceneClassifier"/> is.</summary>
public sealed class SoundClassifier
{
    private const int Features = 400;

    private readonly RidgeClassifier _classifier;

    private SoundClassifier(IReadOnlyList<WorldKind> kinds, RidgeClassifier classifier) => (Kinds, _classifier) = (kinds, classifier);

    /// <summary>The kinds it knows, in the order of its probabilities.</summary>
    public IReadOnlyList<WorldKind> Kinds { get; }

    /// <summary>Synthesises sounds and learns them.</summary>
    /// <param name="kinds">The kinds to tell apart; at least two.</param>
    /// <param name="soundsOfEach">Sounds of each kind.</param>
    /// <param name="seconds">Their length; those to be named should be about as long.</param>
    /// <param name="cancellation">Ends it early.</param>
    public static SoundClassifier Train(IReadOnlyList<WorldKind> kinds, int soundsOfEach = 80, double seconds = 5, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(kinds);
        ArgumentOutOfRangeException.ThrowIfLessThan(kinds.Count, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(soundsOfEach, 2);
        double[][] examples = new double[kinds.Count * soundsOfEach][];
        Parallel.For(0, examples.Length, new ParallelOptions { CancellationToken = cancellation }, i =>
            examples[i] = SoundFeatures.Of(new WorldSample(kinds[i % kinds.Count], WorldSeeds.Of(WorldSplit.Judging, (ulong)(i / kinds.Count))).Sound(seconds)));

        int[] labels = [.. Enumerable.Range(0, examples.Length).Select(i => i % kinds.Count)];
        int first = (soundsOfEach - Math.Max(1, soundsOfEach / 8)) * kinds.Count;
        RidgeClassifier classifier = RidgeClassifier.Fit(examples[..first], labels[..first], kinds.Count, Features, cancellation);
        classifier.Calibrate(examples[first..], labels[first..]);
        return new SoundClassifier(kinds, classifier);
    }

    /// <summary>Names a sound.</summary>
    /// <param name="samples">Mono, 16 kHz, in [-1, 1]; at least 400.</param>
    public Naming Name(ReadOnlySpan<float> samples)
    {
        double[] probabilities = _classifier.Probabilities(SoundFeatures.Of(samples));
        int best = Array.IndexOf(probabilities, probabilities.Max());
        return new Naming(Kinds[best], probabilities[best]);
    }
}
