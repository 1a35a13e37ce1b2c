namespace AudioToken.Models.Clip;

/// <summary>A prompt as the text encoder takes it.</summary>
/// <param name="Ids">Begin of text, the prompt's tokens, end of text, padding; always of the asked-for length.</param>
/// <param name="TokenCount">Tokens of the prompt that <paramref name="Ids"/> holds, begin and end of text not counted.</param>
/// <param name="PlaceholderPositions">Indices in <paramref name="Ids"/> at which a placeholder stands, ascending.</param>
/// <param name="CutTokens">Tokens that did not fit, in order; empty if all did.</param>
/// <param name="CutText">The text of <paramref name="CutTokens"/>, or null if all tokens fit.</param>
public sealed record TokenizedPrompt(
    IReadOnlyList<int> Ids, int TokenCount, IReadOnlyList<int> PlaceholderPositions, IReadOnlyList<int> CutTokens, string? CutText);
