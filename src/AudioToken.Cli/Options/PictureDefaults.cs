using AudioToken.Sampling;
using AudioToken.World.Classifiers;

namespace AudioToken.Cli.Options;

/// <summary>How a picture is drawn where the command line does not say.</summary>
/// <param name="Sampler">Null for the model's own.</param>
/// <param name="Steps">Its steps.</param>
/// <param name="Guidance">Strength of the guidance.</param>
internal sealed record PictureDefaults(SamplerKind? Sampler, int Steps, float Guidance)
{
    /// <summary>Of any model: those of the paper's script.</summary>
    public static PictureDefaults Usual { get; } = new(null, 50, 7.5f);

    /// <summary>Of the demonstration model: those with which it is judged.</summary>
    public static PictureDefaults Demonstration { get; } = Of(new JudgementSettings());

    private static PictureDefaults Of(JudgementSettings settings) => new(settings.Sampler, settings.Steps, settings.Guidance);
}
