using System.Globalization;
using AudioToken.Tensors;
using AudioToken.Training.Data;

namespace AudioToken.Training.Runs;

/// <summary>Keeps a second trainer out of a folder. The lock is the system's and ends with the process, however that ends; the file says whose it is.</summary>
public sealed class RunLock : IDisposable
{
    private const string Name = "train.lock";

    private static readonly int[] s_heldByAnother = [11, 35, unchecked((int)0x80070020)]; // EWOULDBLOCK of Linux and of macOS, ERROR_SHARING_VIOLATION

    private readonly FileStream _file;

    private RunLock(FileStream file, string? stale) => (_file, Stale) = (file, stale);

    /// <summary>Who held the folder before and ended without giving it back, or null.</summary>
    public string? Stale { get; }

    /// <summary>Takes a folder.</summary>
    /// <exception cref="AudioTokenException">Another process trains in it (8701), or it cannot be made or written (8702).</exception>
    public static RunLock Take(string folder)
    {
        FileStream file;
        try
        {
            Directory.CreateDirectory(folder);
            file = new FileStream(Path.Combine(folder, Name), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException exception) when (s_heldByAnother.Contains(exception.HResult))
        {
            throw new AudioTokenException(
                TrainingErrors.Locked, $"'{folder}' is in use by another trainer{Holder(folder)}", "wait for it, stop it, or train in another folder", exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new AudioTokenException(TrainingErrors.Files, $"'{folder}' cannot be a run's folder: {exception.Message.TrimEnd('.')}", "another folder with --out", exception);
        }

        using StreamReader reader = new(file, leaveOpen: true);
        string? stale = reader.ReadToEnd() is { Length: > 0 } text ? text.Trim() : null;
        string owner = string.Create(CultureInfo.InvariantCulture, $"process {Environment.ProcessId} on {Environment.MachineName}");
        file.SetLength(0);
        using (StreamWriter writer = new(file, leaveOpen: true))
            writer.WriteLine(owner);
        File.WriteAllText(OwnerPath(folder), owner + "\n");
        return new RunLock(file, stale);
    }

    /// <summary>Gives the folder back.</summary>
    public void Dispose()
    {
        _file.SetLength(0);
        _file.Dispose();
    }

    // The locked file itself cannot be read by others everywhere.
    private static string OwnerPath(string folder) => Path.Combine(folder, "train.owner");

    private static string Holder(string folder)
    {
        try
        {
            return $": {File.ReadAllText(OwnerPath(folder)).Trim()}";
        }
        catch (IOException)
        {
            return "";
        }
    }
}
