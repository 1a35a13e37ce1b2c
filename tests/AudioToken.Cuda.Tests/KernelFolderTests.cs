using System.Diagnostics;
using AudioToken.Backends.Cuda.Compilation;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Cuda.Tests;

/// <summary>A cache folder in which nothing can be kept, or that is not to be trusted: the job runs, one note says why, and nothing is loaded that others could
/// have put there (RELIABILITY 53). Folders that others can write: <see cref="KernelCacheTests"/>.</summary>
public sealed class KernelFolderTests : IDisposable
{
    private const string Nobody = "65534";
    private const long Page = 4096;

    private readonly string _folder = Directory.CreateTempSubdirectory("audiotoken-folder-").FullName;

    private string CacheFolder => Path.Combine(_folder, "kernels");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void FullDisk_IsToldOnce_AndTheJobRuns() => Setup.Run(setup =>
    {
        using SmallFileSystem disk = Mount(2 * Page);
        for (int run = 1; run <= 2; run++)
        {
            Job.Run(setup, CacheFolder);
            Assert.Equal(run, setup.Emulator.Count("nvrtcCompileProgram"));
            Assert.Equal(run, setup.Notes.Count);
            Assert.StartsWith("kernel cache: kernels cannot be kept and will be compiled again: No space left on device", setup.Notes[^1], StringComparison.Ordinal);
            Assert.Empty(Directory.EnumerateFileSystemEntries(CacheFolder)); // no half of a file
        }

        // Once for all kernels.
        List<string> notes = [];
        KernelCache cache = new(CacheFolder, notes.Add);
        foreach (string key in (string[])["a", "b", "c"])
            cache.Keep(key, new byte[3 * Page]);
        Assert.Single(notes);

        // What fits is kept, whatever was too large before it.
        cache.Keep("small", "code"u8);
        Assert.Equal("code"u8.ToArray(), cache.Find("small"));
    });

    [Fact]
    public void ReadOnlyFolder_GivesWhatItHas() => Setup.Run(setup =>
    {
        using SmallFileSystem disk = Mount(1024 * Page);
        Job.Run(setup, CacheFolder);
        disk.MakeReadOnly();
        Job.Run(setup, CacheFolder);
        Assert.Equal(1, setup.Emulator.Count("nvrtcCompileProgram"));
        Assert.Empty(setup.Notes);

        // Another compiler's code cannot be kept beside it.
        setup.Emulator.Set("nvrtc", 12080);
        Job.Run(setup, CacheFolder);
        Assert.Equal(2, setup.Emulator.Count("nvrtcCompileProgram"));
        Assert.StartsWith("kernel cache: kernels cannot be kept and will be compiled again: Read-only file system", Assert.Single(setup.Notes), StringComparison.Ordinal);

        // Nor can a folder be made.
        Job.Run(setup, Path.Combine(CacheFolder, "below"));
        Assert.StartsWith("kernels are not cached: Read-only file system", setup.Notes[^1], StringComparison.Ordinal);
    });

    [Fact]
    public void AnotherUsersFolder_IsLeftAlone() => Setup.Run(setup =>
    {
        Job.Run(setup, CacheFolder);
        Assert.SkipUnless(Run("chown", Nobody, CacheFolder), "this user may not give a folder away");
        Job.Run(setup, CacheFolder);
        Assert.Equal(2, setup.Emulator.Count("nvrtcCompileProgram"));
        Assert.Equal($"kernels are not cached: {CacheFolder} belongs to another user", Assert.Single(setup.Notes));
        Assert.Single(Directory.EnumerateFileSystemEntries(CacheFolder));
    });

    [Fact]
    public void AFileThatOthersWrite_IsNotLoaded() => Setup.Run(setup =>
    {
        if (OperatingSystem.IsWindows())
            return; // the emulated device is Linux's, and so are file modes
        Job.Run(setup, CacheFolder);
        string file = Assert.Single(Directory.GetFiles(CacheFolder));
        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(file) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite));
        File.SetUnixFileMode(file, File.GetUnixFileMode(file) | UnixFileMode.OtherWrite);
        Job.Run(setup, CacheFolder);
        Assert.Equal(2, setup.Emulator.Count("nvrtcCompileProgram"));
        Assert.Equal($"kernel cache: a kernel is not loaded: {file} is writable by others", Assert.Single(setup.Notes));

        // It was replaced by one that nobody else writes.
        Job.Run(setup, CacheFolder);
        Assert.Equal(2, setup.Emulator.Count("nvrtcCompileProgram"));
        Assert.Single(setup.Notes);
    });

    [Fact]
    public void ALink_IsWorthWhatItLeadsThrough() => Setup.Run(setup =>
    {
        if (OperatingSystem.IsWindows())
            return; // the emulated device is Linux's, and so are file modes
        string shared = Path.Combine(_folder, "shared"), target = Path.Combine(shared, "kernels");
        Directory.CreateDirectory(target, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Directory.CreateSymbolicLink(CacheFolder, target);
        Job.Run(setup, CacheFolder);
        Assert.Single(Directory.GetFiles(target));
        Assert.Empty(setup.Notes);

        // Others could put another folder in the target's place.
        File.SetUnixFileMode(shared, File.GetUnixFileMode(shared) | UnixFileMode.OtherWrite);
        Job.Run(setup, CacheFolder);
        Assert.Equal(2, setup.Emulator.Count("nvrtcCompileProgram"));
        Assert.Equal($"kernels are not cached: {shared} is writable by others", Assert.Single(setup.Notes));
    });

    private SmallFileSystem Mount(long bytes)
    {
        SmallFileSystem? disk = SmallFileSystem.Mount(CacheFolder, bytes);
        Assert.SkipWhen(disk is null, "this user may not mount a small file system");
        return disk;
    }

    private static bool Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
