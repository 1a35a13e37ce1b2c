using AudioToken.Tensors;

namespace AudioToken.Pipelines;

/// <summary>Brings the placeholder into a prompt, or says why it cannot be there.</summary>
internal static class PromptPolicy
{
    /// <summary>The prompt with exactly one placeholder. One that has none gets it appended after a space (an empty one becomes the
    /// placeholder alone), with a warning; in strict mode that is an error.</summary>
    public static (string Prompt, string? Warning) WithPlaceholder(string prompt, bool strict)
    {
        int count = Count(prompt);
        if (count == 1)
            return (prompt, null);
        if (count > 1)
        {
            throw new AudioTokenException(
                2011, $"the prompt holds {GenerationRequest.Placeholder} {count} times, but there is one sound", $"write {GenerationRequest.Placeholder} once");
        }

        if (strict)
        {
            throw new AudioTokenException(
                2012, $"the prompt '{prompt}' has no {GenerationRequest.Placeholder}, so the sound would not be heard",
                $"write {GenerationRequest.Placeholder} where the sound belongs, e.g. \"{GenerationRequest.DefaultPrompt}\"");
        }

        string completed = prompt.Trim().Length == 0 ? GenerationRequest.Placeholder : $"{prompt} {GenerationRequest.Placeholder}";
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
