using System.Diagnostics;
using AudioToken.Backends.Cuda.Compilation;
using Xunit;

namespace AudioToken.Cuda.Tests;

/// <summary>Sixteen programs at once that find no compiled kernel, and share the folder in which they keep theirs (RELIABILITY 52).</summary>
public sealed class ColdCacheTests : IDisposable
{
    private const int Programs = 16;

    // Longer than any machine takes; a program that hangs is ended by then.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(5);

    private readonly string _folder = Directory.CreateTempSubdirectory("audiotoken-cold-").FullName;

    private string Cache => Path.Combine(_folder, "kernels");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void SixteenPrograms_AllRun_AndLeaveOneGoodFileForEachKernelFile() => Setup.Run(setup =>
    {
        string emulator = setup.Emulator.LibraryPath;
        List<Process> programs = [.. Enumerable.Range(0, Programs).Select(_ => Start(emulator))];
        Process killed = Start(emulator);
        while (!killed.HasExited && !(Directory.Exists(Cache) && Directory.EnumerateFiles(Cache).Any()))
            Thread.Sleep(1);
        killed.Kill(); // perhaps while it writes
        programs.ForEach(End);
        killed.WaitForExit();
        killed.Dispose();

        Dictionary<string, DateTime> kept = Kept();
        KernelCache cache = new(Cache, note => Assert.Fail(note));
        Assert.InRange(kept.Count, 2, KernelSource.Files.Count);
        Assert.All(kept.Keys, file => Assert.NotNull(cache.Find(Path.GetFileNameWithoutExtension(file))));
        Assert.InRange(Directory.GetFiles(Cache).Length - kept.Count, 0, 1); // what the killed one was writing

        // Nothing is left to be compiled.
        Process late = Start(emulator);
        End(late);
        Assert.Equal(kept, Kept());
    });

    private Dictionary<string, DateTime> Kept() => Directory.GetFiles(Cache, "*.kernel").ToDictionary(file => file, File.GetLastWriteTimeUtc);

    // Several kernel files, few kernels, and nothing computed.
    private Process Start(string emulator)
    {
        ProcessStartInfo start = new(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in (string[])[Path.Combine(AppContext.BaseDirectory, "audiotoken.dll"), "bench", "kernels", "--op", "group-norm", "--shape", "1x16x32,8", "--device", "cuda"])
            start.ArgumentList.Add(argument);
        foreach (string name in (string[])["AUDIOTOKEN_CUDA", "AUDIOTOKEN_NVRTC"])
            start.Environment[name] = emulator;
        start.Environment["AUDIOTOKEN_KERNEL_CACHE"] = Cache;
        start.Environment["DOTNET_TieredPGO"] = "0"; // they live too short for it
        return Process.Start(start)!;
    }

    private static void End(Process process)
    {
        process.StandardInput.Close();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(s_patience));
        Assert.True(process.ExitCode == 0, $"exit code {process.ExitCode}: {errors.Result}");
        Assert.Contains("group-norm ", output, StringComparison.Ordinal);
        Assert.DoesNotContain("cache", errors.Result, StringComparison.Ordinal); // no note of one that cannot be used or was damaged
        process.Dispose();
    }
}
