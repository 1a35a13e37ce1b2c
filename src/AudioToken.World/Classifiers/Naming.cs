namespace AudioToken.World.Classifiers;

/// <summary>What a classifier takes something for.</summary>
/// <param name="Kind">The likeliest kind.</param>
/// <param name="Probability">How sure it is of that, 0 to 1.</param>
public readonly record struct Naming(WorldKind Kind, double Probability);
