using System.Diagnostics;
using AudioToken.Testing;
using AudioToken.Weights;
using Xunit;
using static AudioToken.Tests.Cli.CliProcess;

namespace AudioToken.Tests.Cli;

/// <summary>A conversion that is killed, or meets another one (RELIABILITY cases 19 to 21).</summary>
[Collection(CliTests.Name)]
public sealed class ConvertProcessTests(CliDemo demo)
{
    private static readonly string[] s_arguments =
    [
        "convert", "--model", Goldens.PathOf("tiny-hf"), "--beats", Path.Combine(Goldens.PathOf("tiny-hf"), "BEATs_tiny.pt"),
        "--embedder", Path.Combine(Goldens.PathOf("tiny-hf"), "embedder_learned_embeds.bin"),
    ];

    [Fact]
    public void KilledAtAnyTime_TheTargetIsOldOrNewAndNeverHalf()
    {
        string folder = demo.NewFolder(), target = Path.Combine(folder, "model.safetensors");
        byte[] whole = Converted(Path.Combine(demo.NewFolder(), "whole.safetensors"));
        byte[] old = "what was there before"u8.ToArray();

        // From the first byte of the temporary file to after the rename; a random place each time a condition is met.
        Random random = new(7);
        for (int round = 0; round < 8; round++)
        {
            File.WriteAllBytes(target, old);
            long size = round * whole.Length / 7L;
            using Process process = Start(folder, [.. s_arguments, "--force", "-o", target]);
            while (!process.HasExited && !Directory.EnumerateFiles(folder, ".model.safetensors.*.tmp").Any(path => Length(path) >= size))
                Thread.Yield();
            Thread.Sleep(TimeSpan.FromMilliseconds(random.NextDouble() * 3));
            process.Kill();
            Assert.True(process.WaitForExit(Patience));

            byte[] found = File.ReadAllBytes(target);
            Assert.True(found.AsSpan().SequenceEqual(old) || found.AsSpan().SequenceEqual(whole), $"round {round}: {found.Length} bytes that are neither the old file nor the new one");
        }

        // The next run removes what was left behind, and gives the same bytes.
        Assert.Equal(whole, Converted(target, "--force"));
        Assert.Equal(["model.safetensors"], Directory.GetFiles(folder).Select(Path.GetFileName));
    }

    [Fact]
    public void TwoAtOnce_LeaveAWholeFile()
    {
        string target = Path.Combine(demo.NewFolder(), "model.safetensors");
        using Process first = Start(demo.Folder, [.. s_arguments, "--force", "-o", target]), second = Start(demo.Folder, [.. s_arguments, "--force", "-o", target]);
        Assert.Equal((0, 0), (End(first).Exit, End(second).Exit));
        using ModelFiles files = ModelFiles.Open(target);
        Assert.True(files.Has(ModelComponent.Unet));
        Assert.Single(Directory.GetFileSystemEntries(Path.GetDirectoryName(target)!));
    }

    [Fact]
    public void FolderThatTakesNoFiles_IsRefusedBeforeTheWork()
    {
        Assert.SkipUnless(Directory.Exists("/proc"), "there is no folder here that refuses files even to root");
        demo.Run([.. s_arguments, "-o", "/proc/model.safetensors"]).Refuses(8502, "/proc");
    }

    private byte[] Converted(string path, params string[] more)
    {
        demo.Run([.. s_arguments, .. more, "-o", path]).Exits(0);
        return File.ReadAllBytes(path);
    }

    private static long Length(string path)
    {
        FileInfo file = new(path);
        return file.Exists ? file.Length : 0;
    }
}
