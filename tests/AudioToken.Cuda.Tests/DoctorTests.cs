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

    [Fact]
    public void Doctor_TellsWhatThereIs_WhereItCannotBeUsed() => Setup.Run(setup =>
    {
        setup.Emulator.Set("execute", 0);
        string text = Run(5, "--device", "cuda:7");
        Assert.Contains("cuda:0 Emulated device, sm_90, ", text, StringComparison.Ordinal);
        Assert.Contains("error AT5103: CUDA device 7 does not exist", text, StringComparison.Ordinal);

        setup.Emulator.Set("capability", 75);
        text = Run();
        Assert.Contains("cuda:0 Emulated device, sm_75, ", text, StringComparison.Ordinal);
        Assert.Contains("; auto takes none: CUDA device 0 (Emulated device) is sm_75; the kernels want sm_80 or newer", text, StringComparison.Ordinal);
        setup.Emulator.Set("capability", 90);

        setup.Emulator.Set("nvrtc", 11080);
        text = Run();
        Assert.Contains("; auto takes none: NVRTC is of CUDA 11.8; 12.0 or newer is wanted", text, StringComparison.Ordinal);
        Assert.Contains("compiled by nobody: there is no NVRTC of CUDA 12 or newer; kept in ", text, StringComparison.Ordinal);
    });

    [Theory]
    [InlineData("fp16")]
    [InlineData("bf16")]
    [InlineData("fp32")]
    public void SelfTest_HoldsInEachPrecision(string precision) => Setup.Run(setup =>
        Assert.Contains("17 stages equal the recording", Run("--self-test", "--device", "cuda", "--precision", precision), StringComparison.Ordinal));

    private static string Run(params string[] options) => Run(0, options);

    private static string Run(int wanted, params string[] options)
    {
        using MemoryStream output = new();
        using StringWriter error = new();
        Terminal terminal = new() { OpenInput = () => Stream.Null, Output = output, Error = error, DemoFolder = Path.Combine(Repository.Root!, "src", "AudioToken.Cli", "Demo") };
        int exit = CommandLine.RunAsync(["doctor", .. options], terminal, TestContext.Current.CancellationToken).GetAwaiter().GetResult();
        Assert.True(exit == wanted, $"exit code {exit}, wanted {wanted}: {error}");
        return System.Text.Encoding.UTF8.GetString(output.ToArray()) + error;
    }
}
