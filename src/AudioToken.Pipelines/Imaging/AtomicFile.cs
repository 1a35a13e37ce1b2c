using AudioToken.Tensors;

namespace AudioToken.Pipelines.Imaging;

/// <summary>Replaces a file in one step: written beside it, flushed to the disk, then renamed over it.</summary>
internal static class AtomicFile
{
    /// <summary>Writes a file whole or not at all.</summary>
    /// <exception cref="AudioTokenException">8101: it cannot be written. The old file, if any, is as it was and nothing is left beside it.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        string full = Path.GetFullPath(path);
        // In the same folder, for a rename works within one file system only.
        string temporary = Path.Combine(Path.GetDirectoryName(full) ?? full, $".{Path.GetFileName(full)}.{Path.GetRandomFileName()}.tmp");
        try
        {
            using (FileStream stream = new(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, full, overwrite: true);
        }
        catch (Exception e)
        {
            Remove(temporary);
            if (e is not (IOException or UnauthorizedAccessException))
                throw;
            throw new AudioTokenException(8101, $"{Path.GetFileName(full)} cannot be written: {Reason(full, e)}.", Hint(full, e), e);
        }
    }

    private static string Reason(string path, Exception e) => e switch
    {
        _ when Directory.Exists(path) => "a folder has that name",
        DirectoryNotFoundException => "its folder does not exist",
        UnauthorizedAccessException => "permission denied",
        PathTooLongException => "the name is too long",
        IOException { HResult: 28 or unchecked((int)0x80070070) } => "the disk is full", // ENOSPC, ERROR_DISK_FULL
        _ => e.Message.Split('\n')[0].Replace(path, Path.GetFileName(path), StringComparison.Ordinal).TrimEnd('.'),
    };

    private static string? Hint(string path, Exception e) => e switch
    {
        _ when Directory.Exists(path) => "Name a file inside it.",
        DirectoryNotFoundException => "Make the folder first.",
        _ => null,
    };

    private static void Remove(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The first failure is the one to tell; this one only leaves a file that its name explains.
        }
    }
}
