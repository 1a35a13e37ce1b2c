namespace AudioToken.Cli;

/// <summary>Tells files from pipes and devices without opening them: opening a pipe waits for its writer.</summary>
internal static class RegularFile
{
    /// <summary>Bytes of the file that the path leads to, through links; null if there is none, or none with a length.</summary>
    public static long? Length(string path)
    {
        try
        {
            // The length of a link would be that of its text.
            FileSystemInfo? target = File.ResolveLinkTarget(path, returnFinalTarget: true);
            FileInfo file = target is null ? new FileInfo(path) : new FileInfo(target.FullName);
            return file is { Exists: true, Length: > 0 and long length } ? length : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }
}
