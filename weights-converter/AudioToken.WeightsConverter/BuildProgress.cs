namespace AudioToken.WeightsConverter;

/// <summary>How far a bundle has come.</summary>
/// <param name="Text">What is done now.</param>
/// <param name="Written">Bytes written so far.</param>
/// <param name="Total">Bytes of the bundle; 0 until it is known.</param>
public readonly record struct BuildProgress(string Text, long Written, long Total);
