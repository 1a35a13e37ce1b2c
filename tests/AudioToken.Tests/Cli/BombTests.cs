using System.Buffers.Binary;
using System.Diagnostics;
using AudioToken.Tests.WeightsConverter;
using Xunit;

namespace AudioToken.Tests.Cli;

/// <summary>Files that ask for much more memory than they are long, in a process that has 64 MB (RELIABILITY cases 2, 3, 12 and 13).</summary>
[Collection(CliTests.Name)]
public sealed class BombTests(CliDemo demo)
{
    private const long MemoryLimit = 64 << 20;
    private const int LongPickle = 64 << 10; // shorter ones only lie, which PickleRefusalTests sees without a process for each

    [Fact]
    public void PickleBombs_AreRefusedWithinTheMemory()
    {
        string path = Path.Combine(demo.NewFolder(), "bomb.ckpt");
        foreach ((string words, Func<byte[]> pickle) in PickleBombs.All)
        {
            byte[] bytes = pickle();
            if (bytes.Length < LongPickle)
                continue;
            File.WriteAllBytes(path, TorchBytes.Zip(bytes));
            Refuses(path, "error AT4704", words);
        }
    }

    [Fact]
    public void HeaderBomb_IsRefusedWithinTheMemory()
    {
        byte[] head = new byte[16];
        BinaryPrimitives.WriteInt64LittleEndian(head, 100_000_000);
        head[8] = (byte)'{';
        string path = Save(demo.NewFolder(), "bomb.safetensors", head);
        using (FileStream stream = File.OpenWrite(path))
            stream.SetLength(200_000_000); // sparse
        Refuses(path, "error AT4102", "bomb.safetensors: at byte 9");
    }

    [Fact]
    public void DirectoryBomb_IsRefusedWithinTheMemory()
    {
        byte[] archive = TorchBytes.Archive(zip =>
        {
            for (int i = 0; i < 60_000; i++)
                zip.Add($"archive/data/{i}", []);
        });
        Refuses(Save(demo.NewFolder(), "many.pt", archive), "error AT4101", "no entry is called");
    }

    private static string Save(string folder, string name, byte[] content)
    {
        string path = Path.Combine(folder, name);
        File.WriteAllBytes(path, content);
        return path;
    }

    private static void Refuses(string path, params ReadOnlySpan<string> words)
    {
        ProcessStartInfo start = new(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", [Path.Combine(AppContext.BaseDirectory, "audiotoken.dll"), "inspect", path])
        {
            RedirectStandardError = true,
        };
        start.Environment["DOTNET_GCHeapHardLimit"] = MemoryLimit.ToString("X", System.Globalization.CultureInfo.InvariantCulture);
        using Process process = Process.Start(start)!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();

        foreach (string expected in words)
            Assert.True(error.Contains(expected, StringComparison.Ordinal), $"{Path.GetFileName(path)}, wanted '{expected}', found:\n{error}");
        Assert.Equal(4, process.ExitCode);
    }
}
