using System.Text;
using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>Writes a file whole or not at all: the target is either what it was or what it should be.</summary>
/// <remarks>
/// The content goes to a temporary file in the same folder, to the disk (fsync), and takes the target's name by a rename. On failure the
/// temporary file is removed; one left behind by a process that was killed is removed by the next write to the same target. Two writers
/// at once do not mix: the last rename wins, and both files were whole.
/// </remarks>
public static class AtomicFile
{
    private const string Ending = ".tmp";

    /// <summary>The most bytes of a file's name, in UTF-8, that the usual file systems take.</summary>
    public const int MaxNameBytes = 255;

    /// <summary>Writes a file.</summary>
    /// <param name="path">The target; an existing file is replaced.</param>
    /// <param name="write">Writes the content.</param>
    /// <param name="length">Bytes that will be written, if known: a disk too full for them is then found out before the first.</param>
    /// <exception cref="AudioTokenException">The disk is full, the folder is absent or not ours, the target is a folder (8102).</exception>
    public static void Write(string path, Action<Stream> write, long length = 0) => TryWrite(path, write, length, replace: true);

    /// <summary>Writes a file that is not there yet. Of several writers of one target, in this process or in others, one creates it.</summary>
    /// <returns>False if there is one by now; it stays as it is.</returns>
    /// <inheritdoc cref="Write(string, Action{Stream}, long)"/>
    public static bool TryCreate(string path, Action<Stream> write, long length = 0) => TryWrite(path, write, length, replace: false);

    private static bool TryWrite(string path, Action<Stream> write, long length, bool replace)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(write);
        string target = Path.GetFullPath(path);
        if (Directory.Exists(target) || Path.EndsInDirectorySeparator(path))
            throw FileErrors.CannotWrite(path, "it is a folder");
        string folder = Path.GetDirectoryName(target)!;
        string? temporary = null, claimed = null;
        try
        {
            Prepare(path, length);
            temporary = Path.Combine(folder, Prefix(target) + Path.GetRandomFileName() + Ending);
            // FileShare.None is a lock, by which others tell a write in progress from an abandoned one.
            using (FileStream stream = new(temporary, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                Share = FileShare.None,
                PreallocationSize = length,
                BufferSize = 0,
            }))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            if (!replace && !TryClaim(target))
                return false;
            claimed = replace ? null : target;
            File.Move(temporary, target, overwrite: true);
            temporary = claimed = null;
            return true;
        }
        catch (Exception exception) when (FileErrors.IsFileError(exception))
        {
            throw FileErrors.CannotWrite(path, FileErrors.Reason(exception, folder), exception);
        }
        finally
        {
            if (temporary is not null)
                TryDelete(temporary);
            if (claimed is not null)
                TryDelete(claimed);
        }
    }

    /// <summary>Removes what a killed write to the same target left behind, and refuses a target that the disk has no room for; where the system
    /// does not tell the room, nothing is refused. <see cref="Write"/> does it too: this is for before the work that comes first.</summary>
    /// <param name="path">The target.</param>
    /// <param name="length">Bytes that will be written.</param>
    /// <exception cref="AudioTokenException">There is less room (8102); both figures are named.</exception>
    public static void Prepare(string path, long length)
    {
        string target = Path.GetFullPath(path), folder = Path.GetDirectoryName(target)!;
        long free;
        try
        {
            RemoveAbandoned(folder, Prefix(target));
            free = new DriveInfo(OperatingSystem.IsWindows() ? Path.GetPathRoot(folder)! : folder).AvailableFreeSpace;
        }
        catch (Exception exception) when (FileErrors.IsFileError(exception) || exception is ArgumentException)
        {
            return; // the write itself says what is wrong with the folder
        }

        if (length > free)
            throw FileErrors.CannotWrite(path, FormattableString.Invariant($"the disk is full: {length:N0} bytes are needed, {free:N0} are free"));
    }

    // By an empty file. A rename that is not to replace looks for the target first and renames then, so that of two at once both may go through; creating is one step.
    private static bool TryClaim(string target)
    {
        try
        {
            using FileStream created = new(target, FileMode.CreateNew, FileAccess.Write);
            return true;
        }
        catch (IOException) when (Path.Exists(target))
        {
            return false;
        }
    }

    // A target's name may be as long as names can be: of it the temporary one takes what fits.
    private static string Prefix(string target)
    {
        int room = MaxNameBytes - "..".Length - Path.GetRandomFileName().Length - Ending.Length;
        StringBuilder name = new();
        foreach (Rune rune in Path.GetFileName(target).EnumerateRunes())
        {
            room -= rune.Utf8SequenceLength;
            if (room < 0)
                break;
            name.Append(rune);
        }

        return $".{name}.";
    }

    private static void RemoveAbandoned(string folder, string prefix)
    {
        // Compared by hand and to the letter: in a search pattern a target's own '*' or '?' would reach for other people's files.
        int length = prefix.Length + Path.GetRandomFileName().Length + Ending.Length;
        foreach (string path in Directory.EnumerateFiles(folder))
        {
            string name = Path.GetFileName(path);
            if (name.Length != length || !name.StartsWith(prefix, StringComparison.Ordinal) || !name.EndsWith(Ending, StringComparison.Ordinal))
                continue;
            try
            {
                using FileStream unlocked = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            }
            catch (Exception exception) when (FileErrors.IsFileError(exception))
            {
                continue; // somebody is writing it
            }

            TryDelete(path);
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception exception) when (FileErrors.IsFileError(exception))
        {
            // The error that led here is the one to report; the next write tries again.
        }
    }
}
