using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>Turns what the operating system says about a file into the library's words.</summary>
internal static class FileErrors
{
    /// <summary>True for the exceptions that <see cref="File"/> and its streams throw about the world rather than about the caller.</summary>
    public static bool IsFileError(Exception exception) => exception is IOException or UnauthorizedAccessException;

    public static AudioTokenException CannotRead(string path, Exception reason)
    {
        string cause = reason.Message;
        string? hint = null;
        if (reason is FileNotFoundException or DirectoryNotFoundException)
        {
            cause = "it does not exist";
            if (DanglingLink(path) is { } target)
            {
                cause = $"it is a link to '{target}', which does not exist";
                hint = "A cache entry whose download was removed or never finished: download it again.";
            }
        }
        else if (Directory.Exists(path))
        {
            cause = "it is a folder";
        }

        return new AudioTokenException(ErrorCode.Read, $"Cannot read '{path}': {cause}.", hint, reason);
    }

    public static AudioTokenException CannotWrite(string path, string cause, Exception? reason = null) =>
        new(ErrorCode.Write, $"Cannot write '{path}': {cause.TrimEnd('.')}.", "What was there before is untouched.", reason);

    /// <summary>Why a write failed, in words that need no manual; <paramref name="folder"/> is the target's.</summary>
    public static string Reason(Exception exception, string folder) => exception switch
    {
        DirectoryNotFoundException => $"the folder '{folder}' does not exist",
        UnauthorizedAccessException => "permission denied",
        PathTooLongException => "the name is too long",
        IOException { HResult: 28 or unchecked((int)0x80070070) } => "the disk is full", // ENOSPC, ERROR_DISK_FULL
        _ => exception.Message,
    };

    private static string? DanglingLink(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget;
        }
        catch (Exception exception) when (IsFileError(exception))
        {
            return null;
        }
    }
}
