using System.Diagnostics;
using System.Globalization;

namespace AudioToken.Testing;

/// <summary>A file system of a few bytes, mounted for one test: what is full or cannot be written is so for the superuser too.</summary>
public sealed class SmallFileSystem : IDisposable
{
    private SmallFileSystem(string folder) => Folder = folder;

    /// <summary>Where it is mounted.</summary>
    public string Folder { get; }

    /// <summary>Mounts one over a folder; null where this user may not, or where there is no <c>mount</c>.</summary>
    /// <param name="folder">Is made if it is not there.</param>
    /// <param name="bytes">Its size; whole pages.</param>
    public static SmallFileSystem? Mount(string folder, long bytes)
    {
        if (!OperatingSystem.IsLinux())
            return null;
        Directory.CreateDirectory(folder);
        return Run("mount", "-t", "tmpfs", "-o", string.Create(CultureInfo.InvariantCulture, $"size={bytes},mode=0700"), "tmpfs", folder) ? new SmallFileSystem(folder) : null;
    }

    /// <summary>Gives it another size.</summary>
    public void Resize(long bytes) => Remount(string.Create(CultureInfo.InvariantCulture, $"size={bytes}"));

    /// <summary>Lets nothing be written any more.</summary>
    public void MakeReadOnly() => Remount("ro");

    /// <summary>Takes it away with what is in it.</summary>
    public void Dispose() => Run("umount", "-l", Folder);

    private void Remount(string options)
    {
        if (!Run("mount", "-o", "remount," + options, Folder))
            throw new InvalidOperationException($"{Folder} cannot be mounted again with {options}");
    }

    private static bool Run(string program, params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
