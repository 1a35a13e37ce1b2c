namespace AudioToken.Weights;

/// <summary>A file that a model is read from.</summary>
/// <param name="Name">What to call it: its base name, within its component's folder if it has one. Never a full path.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Sha256">SHA-256 of the content, lower-case hexadecimal.</param>
public sealed record ModelSource(string Name, long Length, string Sha256);
