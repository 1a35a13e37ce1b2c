using System.Globalization;
using AudioToken.Tensors;
using AudioToken.Training.Data;

namespace AudioToken.Training.Runs;

/// <summary>Keeps a second trainer out of a folder. The lock is the system's and ends with the process, however that ends; the file says whose it is.</summary>
public sealed class RunLock : IDisposable
{
    private const string Name = "train.lock";
    private readonly FileStream _file;

    private RunLock(FileStream file, string? stale) => (_file, Stale) = (file, stale);

    /// <summary>Who held the folder before and ended without giving it back, or null.</summary>
    public string? Stale { get; }

    /// <summary>Takes a folder.</summary>
    /// <exception cref="AudioTokenException">Another process trains in it (8701).</exception>
    public static RunLock Take(string folder)
    {
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, Name);
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException exception)
        {
            throw new AudioTokenException(
                TrainingErrors.Locked, $"'{folder}' is in use by another trainer{Holder(folder)}", "wait for it, stop it, or train in another folder", exception);
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
