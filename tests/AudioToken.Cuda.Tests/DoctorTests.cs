using AudioToken.Cli;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Cuda.Tests;

/// <summary><c>audiotoken doctor</c> on the emulated device.</summary>
public sealed class DoctorTests
{
    [Fact]
    public void Doctor_TellsOfEachDeviceItsMemory_AndWhoCompiles() => Setup.Run(setup =>
    {
        setup.Emulator.Set("execute", 0);
        setup.Emulator.Set("devices", 2);
        string text = Run();
        Assert.Contains("cuda:0 Emulated device, sm_90, ", text, StringComparison.Ordinal);
        Assert.Contains(", 8.0 GB free of 8.0 GB; cuda:1 Emulated device, sm_90, ", text, StringComparison.Ordinal);
        Assert.Contains("driver for CUDA 13.0; compiled by nvrtc 13.0; kept in ", text, StringComparison.Ordinal);

        setup.Emulator.Set("devices", 0);
        text = Run();
        Assert.Contains("no device can be used: the NVIDIA driver shows no device", text, StringComparison.Ordinal);
        Assert.DoesNotContain("compiled by", text, StringComparison.Ordinal);
    });

    private static string Run()
    {
        using MemoryStream output = new();
        using StringWriter error = new();
        Terminal terminal = new() { OpenInput = () => Stream.Null, Output = output, Error = error, DemoFolder = Path.Combine(Repository.Root!, "src", "AudioToken.Cli", "Demo") };
        int exit = CommandLine.RunAsync(["doctor"], terminal, TestContext.Current.CancellationToken).GetAwaiter().GetResult();
        Assert.True(exit == 0, $"exit code {exit}: {error}");
        return System.Text.Encoding.UTF8.GetString(output.ToArray());
    }
}
