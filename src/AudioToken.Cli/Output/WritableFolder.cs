using System.Text;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Cli.Output;

/// <summary>Finds out before a long run whether its result can be written.</summary>
internal static class WritableFolder
{
    /// <summary>Checks the name of a file, and its folder by writing an empty file there.</summary>
    /// <exception cref="AudioTokenException">The name cannot be a file's (2501, 8502), or the folder is absent or may not be written (8502).</exception>
    public static void Check(string path)
    {
        if (path == "-")
            throw new AudioTokenException(ErrorCode.Usage, "'-' is standard output, wanted a file: only a picture of 'generate' goes there", "./- is a file of that name");
        string full;
        try
        {
            full = Path.GetFullPath(path);
        }
        catch (Exception exception) when (exception is ArgumentException or PathTooLongException)
        {
            throw new AudioTokenException(ErrorCode.OutputPlace, $"'{path}' is no file name: {exception.Message}", "another name with -o", exception);
        }

        string folder = Path.GetDirectoryName(full) ?? full;
        // Files are replaced by a rename, which would put a picture in place of the device.
        if (!OperatingSystem.IsWindows() && full.StartsWith("/dev/", StringComparison.Ordinal) && !full.StartsWith("/dev/shm/", StringComparison.Ordinal))
            throw new AudioTokenException(ErrorCode.OutputPlace, $"'{path}' is a device, wanted a file", "-o - writes to standard output");
        if (Encoding.UTF8.GetByteCount(Path.GetFileName(full)) is > AtomicFile.MaxNameBytes and int bytes)
            throw new AudioTokenException(ErrorCode.OutputPlace, FormattableString.Invariant($"'{path}' is no file name: it has {bytes} bytes, at most {AtomicFile.MaxNameBytes} can be"), "a shorter name with -o");
        if (!Directory.Exists(folder))
        {
            throw File.Exists(folder)
                ? new AudioTokenException(ErrorCode.OutputPlace, $"'{path}' cannot be written: '{folder}' is a file", "another folder with -o")
                : new AudioTokenException(ErrorCode.OutputPlace, $"'{path}' cannot be written: there is no folder '{folder}'", $"mkdir -p '{folder}'");
        }

        try
        {
            string probe = Path.Combine(folder, $".audiotoken.{Path.GetRandomFileName()}.tmp");
            using FileStream stream = new(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // What the system says ends in the name of the file that was tried.
            string reason = exception is UnauthorizedAccessException ? "permission denied" : exception.Message.Split(" : '", 2)[0].TrimEnd('.');
            throw new AudioTokenException(ErrorCode.OutputPlace, $"'{path}' cannot be written: the folder '{folder}' takes no files: {reason}", "another folder with -o", exception);
        }
    }
}
