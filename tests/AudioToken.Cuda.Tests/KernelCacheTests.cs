using AudioToken.Backends.Cuda.Compilation;
using AudioToken.Backends.Cuda.Driver;
using Xunit;

namespace AudioToken.Cuda.Tests;

public sealed class KernelCacheTests : IDisposable
{
    private const string Key = "0123456789abcdef";
    private static readonly byte[] s_image = [.. Enumerable.Range(0, 300).Select(i => (byte)i)];
    private readonly string _folder = Directory.CreateTempSubdirectory("audiotoken-cache-").FullName;
    private readonly List<string> _notes = [];

    private string CacheFolder => Path.Combine(_folder, "kernels");

    private string FilePath => Path.Combine(CacheFolder, Key + ".kernel");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Cache_SavesTheSecondProcessTheCompiler() => Setup.Run(setup =>
    {
        Job.Run(setup, CacheFolder);
        Assert.Equal(1, setup.Emulator.Count("nvrtcCompileProgram"));
        Job.Run(setup, CacheFolder);
        Assert.Equal(1, setup.Emulator.Count("nvrtcCompileProgram"));
        Assert.Empty(setup.Notes);

        // Damage is noticed, and made good.
        string file = Assert.Single(Directory.GetFiles(CacheFolder));
        File.WriteAllBytes(file, File.ReadAllBytes(file)[..^1]);
        Job.Run(setup, CacheFolder);
        Assert.Equal(2, setup.Emulator.Count("nvrtcCompileProgram"));
        Assert.Contains("is damaged and is made anew", Assert.Single(setup.Notes), StringComparison.Ordinal);
        Job.Run(setup, CacheFolder);
        Assert.Equal(2, setup.Emulator.Count("nvrtcCompileProgram"));

        // Another compiler's code is another's.
        setup.Emulator.Set("nvrtc", 12080);
        Job.Run(setup, CacheFolder);
        Assert.Equal(3, setup.Emulator.Count("nvrtcCompileProgram"));
    });

    [Fact]
    public void CodeThatTheDriverRefuses_IsMadeAnew_Once() => Setup.Run(setup =>
    {
        const int InvalidImage = 200;
        Job.Run(setup, CacheFolder);
        setup.Emulator.Fault("cuModuleLoadData", 1, InvalidImage);
        Job.Run(setup, CacheFolder);
        Assert.Equal(2, setup.Emulator.Count("nvrtcCompileProgram"));
        Assert.StartsWith("kernel cache: code that the driver refuses is made anew: cuModuleLoadData failed with CUDA_ERROR_INVALID_IMAGE (200)", Assert.Single(setup.Notes), StringComparison.Ordinal);
        Job.Run(setup, CacheFolder);
        Assert.Equal((2, 1), (setup.Emulator.Count("nvrtcCompileProgram"), setup.Notes.Count));

        setup.Emulator.Fault("cuModuleLoadData", 0, InvalidImage);
        Assert.EndsWith("; the driver is for CUDA 13.0, the kernel was compiled by nvrtc 13.0", Assert.Throws<CudaException>(() => Job.Run(setup, CacheFolder)).Message, StringComparison.Ordinal);
        Assert.Equal(3, setup.Emulator.Count("nvrtcCompileProgram"));
    });

    [Fact]
    public void AnyDamage_IsNoticed()
    {
        KernelCache cache = Fresh();
        cache.Keep(Key, s_image);
        Assert.Equal(s_image, cache.Find(Key));
        byte[] whole = File.ReadAllBytes(FilePath);
        for (int at = 0; at < whole.Length; at++)
        {
            byte[] damaged = [.. whole];
            damaged[at] ^= 0x10;
            File.WriteAllBytes(FilePath, damaged);
            Assert.Null(cache.Find(Key));
            Assert.False(File.Exists(FilePath));
        }

        foreach (int length in new[] { 0, 1, 47, 48, 49, whole.Length - 1 })
        {
            File.WriteAllBytes(FilePath, whole[..length]);
            Assert.Null(cache.Find(Key));
        }

        File.WriteAllBytes(FilePath, [.. whole, 0]);
        Assert.Null(cache.Find(Key));
        Directory.CreateDirectory(FilePath);
        Assert.Null(cache.Find(Key));
        cache.Keep(Key, s_image);
        Assert.Null(cache.Find(Key));
        Directory.Delete(FilePath);
        cache.Keep(Key, s_image);
        Assert.Equal(s_image, cache.Find(Key));
        Assert.Single(Directory.GetFiles(CacheFolder));
    }

    [Fact]
    public async Task ManyWriters_NeverShowHalfAFile()
    {
        Task[] users = [.. Enumerable.Range(0, 16).Select(_ => Task.Run(() =>
        {
            KernelCache cache = Fresh();
            for (int i = 0; i < 20; i++)
            {
                cache.Keep(Key, s_image);
                Assert.Equal(s_image, cache.Find(Key));
            }
        }))];
        await Task.WhenAll(users);
        Assert.Empty(_notes);
        Assert.Single(Directory.GetFiles(CacheFolder));
    }

    [Fact]
    public void WhatAKilledWriterLeft_IsSweptAway()
    {
        KernelCache cache = Fresh();
        string old = Path.Combine(CacheFolder, "abc.tmp"), young = Path.Combine(CacheFolder, "def.tmp");
        File.WriteAllText(old, "half");
        File.SetLastWriteTimeUtc(old, DateTime.UtcNow.AddHours(-2));
        File.WriteAllText(young, "half");
        cache.Keep(Key, s_image);
        Assert.False(File.Exists(old));
        Assert.True(File.Exists(young));
    }

    [Theory]
    [InlineData(UnixFileMode.OtherWrite)]
    [InlineData(UnixFileMode.GroupWrite)]
    public void AFolderThatOthersWrite_IsNotUsed(UnixFileMode more)
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("file modes are Unix's");
            return;
        }

        Fresh().Keep(Key, s_image);
        File.SetUnixFileMode(CacheFolder, File.GetUnixFileMode(CacheFolder) | more);
        KernelCache cache = Fresh();
        Assert.Null(cache.Find(Key));
        Assert.Equal($"kernels are not cached: {CacheFolder} is writable by others", Assert.Single(_notes));
        cache.Keep("other", s_image);
        Assert.Single(Directory.GetFiles(CacheFolder));

        // Nor one whose parent lets others put another in its place.
        File.SetUnixFileMode(CacheFolder, File.GetUnixFileMode(CacheFolder) & ~more);
        File.SetUnixFileMode(_folder, File.GetUnixFileMode(_folder) | more);
        Assert.Null(Fresh().Find(Key));
        Assert.Equal($"kernels are not cached: {_folder} is writable by others", _notes[^1]);
    }

    [Fact]
    public void WithoutAFolder_NothingIsKept_AndTheJobRuns() => Setup.Run(setup =>
    {
        File.WriteAllText(CacheFolder, "a file where the folder should be");
        Job.Run(setup, CacheFolder);
        Assert.StartsWith("kernels are not cached: ", Assert.Single(setup.Notes), StringComparison.Ordinal);
    });

    private KernelCache Fresh() => new(CacheFolder, note =>
    {
        lock (_notes)
            _notes.Add(note);
    });
}
