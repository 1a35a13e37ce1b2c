using AudioToken.Tensors;

namespace AudioToken.Pipelines;

/// <summary>Brings the placeholder into a prompt, or says why it cannot be there.</summary>
internal static class PromptPolicy
{
    /// <summary>The prompt with exactly one placeholder for each sound. One that has none gets them appended after a space (an empty one
    /// becomes the placeholders alone), with a warning; in strict mode that is an error.</summary>
    public static (string Prompt, string? Warning) WithPlaceholders(string prompt, int sounds, bool strict)
    {
        int count = Count(prompt);
        if (count == sounds)
            return (prompt, null);
        if (count > 0)
        {
            throw new AudioTokenException(
                2011, $"the prompt holds {GenerationRequest.Placeholder} {(count == 1 ? "once" : $"{count} times")}, but there {(sounds == 1 ? "is one sound" : $"are {sounds} sounds")}",
                $"write {GenerationRequest.Placeholder} {(sounds == 1 ? "once" : $"{sounds} times, in the order of the sounds")}");
        }

        if (strict)
        {
            throw new AudioTokenException(
                2012, $"the prompt '{prompt}' has no {GenerationRequest.Placeholder}, so the sound would not be heard",
                $"write {GenerationRequest.Placeholder} where the sound belongs, e.g. \"{GenerationRequest.DefaultPromptFor(sounds)}\"");
        }

        string placeholders = string.Join(' ', Enumerable.Repeat(GenerationRequest.Placeholder, sounds));
        string completed = prompt.Trim().Length == 0 ? placeholders : $"{prompt} {placeholders}";
        return (completed, $"the prompt has no {GenerationRequest.Placeholder}: drawing '{completed}'");
    }

    /// <summary>Refuses a negative prompt that names the sound: the unconditional half never hears it.</summary>
    public static void CheckNegative(string negativePrompt)
    {
        if (Count(negativePrompt) > 0)
        {
            throw new AudioTokenException(
                2013, $"the negative prompt holds {GenerationRequest.Placeholder}; it is read without the sound", $"leave {GenerationRequest.Placeholder} out of the negative prompt");
        }
    }

    private static int Count(string text)
    {
        int count = 0;
        for (int at = 0; (at = text.IndexOf(GenerationRequest.Placeholder, at, StringComparison.Ordinal)) >= 0; at += GenerationRequest.Placeholder.Length)
            count++;
        return count;
    }
}
