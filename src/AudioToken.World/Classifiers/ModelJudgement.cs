using AudioToken.Audio;
using AudioToken.Pipelines;
using AudioToken.Sampling;

namespace AudioToken.World.Classifiers;

/// <summary>How a model that draws sounds is judged.</summary>
public sealed record JudgementSettings
{
    /// <summary>Pictures to draw.</summary>
    public int Pictures { get; init; } = 600;

    /// <summary>Pictures to draw from wrong sounds.</summary>
    public int WrongPictures { get; init; } = 160;

    /// <summary>The sampler.</summary>
    public SamplerKind Sampler { get; init; } = SamplerKind.DpmSolverPlusPlus2M;

    /// <summary>Its steps.</summary>
    public int Steps { get; init; } = 20;

    /// <summary>Strength of the guidance.</summary>
    public float Guidance { get; init; } = 3;

    /// <summary>The prompt.</summary>
    public string Prompt { get; init; } = "a photo of <*>";

    /// <summary>Scenes of each kind that the judge learns from.</summary>
    public int LearnOfEach { get; init; } = 120;

    /// <summary>First seed of the noise.</summary>
    public ulong Seed { get; init; }
}

/// <summary>Whether a model draws what it hears: a classifier that has seen only drawn scenes names the pictures that the model makes of sounds which nothing was
/// trained on.</summary>
/// <param name="Right">Pictures of the right sounds.</param>
/// <param name="Wrong">The same with sounds of another kind, still held against the kind that was meant: what the judge finds where nothing is.</param>
public sealed record ModelJudgement(ConfusionMatrix Right, ConfusionMatrix Wrong)
{
    /// <summary>Draws and judges. Judge, model and evaluation share no seed (<see cref="WorldSeeds"/>).</summary>
    /// <param name="pipeline">The model.</param>
    /// <param name="settings">How many pictures, and how they are drawn.</param>
    /// <param name="progress">Told the pictures done, of all.</param>
    /// <param name="cancellation">Ends it early.</param>
    public static ModelJudgement Run(
        AudioToImagePipeline pipeline, JudgementSettings settings, IProgress<(int Done, int Of)>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(pipeline);
        ArgumentNullException.ThrowIfNull(settings);
        IReadOnlyList<WorldKind> kinds = WorldKinds.All;
        SceneClassifier judge = SceneClassifier.Train(kinds, settings.LearnOfEach, cancellation);
        ModelJudgement judgement = new(new ConfusionMatrix(kinds), new ConfusionMatrix(kinds));
        int all = settings.Pictures + settings.WrongPictures;
        for (int i = 0; i < all; i++)
        {
            bool wrong = i >= settings.Pictures;
            int number = wrong ? i - settings.Pictures : i, meant = number % kinds.Count, round = number / kinds.Count;
            int heard = wrong ? (meant + 1 + (round % (kinds.Count - 1))) % kinds.Count : meant;
            WorldKind named = Draw(pipeline, settings, judge, new WorldSample(kinds[heard], WorldSeeds.Of(WorldSplit.HeldOut, (ulong)round)), settings.Seed + (ulong)i, cancellation);
            (wrong ? judgement.Wrong : judgement.Right).Add(kinds[meant], named);
            progress?.Report((i + 1, all));
        }

        return judgement;
    }

    private static WorldKind Draw(
        AudioToImagePipeline pipeline, JudgementSettings settings, SceneClassifier judge, WorldSample sample, ulong seed, CancellationToken cancellation)
    {
        GenerationResult drawn = pipeline.Generate(
            new GenerationRequest
            {
                Samples = sample.Sound(WindowPolicy.Seconds),
                Prompt = settings.Prompt,
                Sampler = settings.Sampler,
                Steps = settings.Steps,
                GuidanceScale = settings.Guidance,
                Seed = seed,
            },
            cancellation: cancellation);
        return judge.Name(drawn.Images[0].Pixels).Kind;
    }
}
