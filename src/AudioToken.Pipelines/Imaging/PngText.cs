namespace AudioToken.Pipelines.Imaging;

/// <summary>A text inside a PNG file.</summary>
/// <param name="Keyword">What the text is: 1 to 79 printable ASCII characters, e.g. <c>parameters</c>.</param>
/// <param name="Text">The text; lines end with a line feed.</param>
public sealed record PngText(string Keyword, string Text);
