using AudioToken.Tensors;

namespace AudioToken.Cli;

/// <summary>What the process returns: the family of an error, which is the thousands of its code.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Internal = 1;
    public const int Usage = 2;
    public const int Input = 3;
    public const int Model = 4;
    public const int Device = 5;
    public const int Memory = 6;
    public const int Numeric = 7;
    public const int Files = 8;
    public const int Interrupted = 130;
    public const int Terminated = 143;

    public static int Of(Exception exception) => exception switch
    {
        OperationCanceledException => Interrupted,
        AudioTokenException { Code: >= 2000 and < 9000 } known => known.Code / 1000,
        OutOfMemoryException => Memory,
        IOException or UnauthorizedAccessException => Files,
        _ => Internal,
    };
}
