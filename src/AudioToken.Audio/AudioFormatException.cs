using AudioToken.Tensors;

namespace AudioToken.Audio;

/// <summary>A sound cannot be used as it is: unreadable, malformed, empty, too short, of an unknown format.</summary>
public sealed class AudioFormatException : AudioTokenException
{
    /// <summary>Makes an exception of the input family (3xxx).</summary>
    public AudioFormatException(int code, string message, string? hint = null, Exception? inner = null)
        : base(code, message, hint, inner)
    {
    }
}
