using System.Diagnostics;
using AudioToken.Pipelines.Imaging;
using Xunit;
using static AudioToken.Tests.Cli.CliProcess;

namespace AudioToken.Tests.Cli;

/// <summary>What only a process of its own shows: signals, closed streams, the current folder.</summary>
[Collection(CliTests.Name)]
public sealed class ProcessTests(CliDemo demo)
{
    [Fact]
    public void DefaultName_IsTheSoundsInTheCurrentFolder()
    {
        string folder = demo.NewFolder();
        for (int i = 0; i < 2; i++)
        {
            using Process process = Start(folder, "generate", demo.Sound, "-m", demo.Model, "--steps", "1", "--cfg-scale", "1", "-s", "7");
            Assert.Equal(0, End(process).Exit);
        }

        Assert.Equal(["bell-001.png", "bell.png"], Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(demo.Draw("-m", demo.Model, "-o", "-").Output, File.ReadAllBytes(Path.Combine(folder, "bell.png")));
    }

    [Fact]
    public void StandardOutput_TakesAPngAndNothingElse()
    {
        using Process process = Start(demo.Folder, "generate", demo.Sound, "-m", demo.Model, "--steps", "1", "-s", "7", "-o", "-");
        process.StandardInput.Close();
        using MemoryStream png = new();
        process.StandardOutput.BaseStream.CopyTo(png);
        Assert.True(process.WaitForExit(Patience));

        Assert.Equal(128, PngReader.Read(png.ToArray()).Width);
    }

    [Fact]
    public void Error_IsShortAndHasItsExitCode()
    {
        using Process process = Start(demo.Folder, "generate", "nowhere.wav");
        (int exit, string output, string error) = End(process);

        Assert.Equal((3, ""), (exit, output));
        Assert.Contains("error AT3001: there is no file 'nowhere.wav'", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Fact]
    public void ClosedStandardInput_IsAnEmptySound()
    {
        using Process process = Start(demo.Folder, "generate", "-", "-m", demo.Model);

        Assert.Equal(3, End(process).Exit);
    }

    [Fact]
    public void ClosedStandardError_DoesNotStopTheWork()
    {
        string path = Path.Combine(demo.NewFolder(), "out.png");
        using Process process = Start(demo.Folder, "generate", demo.Sound, "-m", demo.Model, "--steps", "1", "-s", "7", "-o", path);
        process.StandardError.Close();
        process.StandardInput.Close();
        Assert.True(process.WaitForExit(Patience));

        Assert.Equal(0, process.ExitCode);
        Assert.True(File.Exists(path));
    }

    // A log on a full disk: what is said is lost, the picture is not; and what is wrong with standard output is said by name.
    [Fact]
    public void StreamsThatTakeNothing_LoseTheirWordsOnly()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "there is no /dev/full here");
        string path = Path.Combine(demo.NewFolder(), "out.png"), draw = $"generate '{demo.Sound}' -m '{demo.Model}' --steps 1 --cfg-scale 1 -s 7";
        Assert.Equal((0, ""), Shell($"{draw} -o '{path}' 2>/dev/full"));
        Assert.True(File.Exists(path));
        Assert.Equal((3, ""), Shell("generate nowhere.wav 2>/dev/full"));
        (int exit, string error) = Shell($"{draw} -o - >/dev/full");
        Assert.Equal(8, exit);
        Assert.Contains("error AT8503: standard output cannot be written: No space left on device", error, StringComparison.Ordinal);
        Assert.Contains("--seed 7 draws it again", error, StringComparison.Ordinal);
        (exit, error) = Shell("generate nowhere.wav --json >/dev/full");
        Assert.Equal(3, exit);
        Assert.Contains("error AT3001: ", error, StringComparison.Ordinal);
    }

    private static (int Exit, string Error) Shell(string command)
    {
        string host = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        using Process shell = Process.Start(new ProcessStartInfo("sh", ["-c", $"'{host}' '{Path.Combine(AppContext.BaseDirectory, "audiotoken.dll")}' {command}"])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        (int exit, _, string error) = End(shell);
        return (exit, error);
    }

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    public void Signal_EndsADrawingAndLeavesNoHalfFile(string signal, int exit)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals are sent with kill");
        string folder = demo.NewFolder();
        using Process process = Start(demo.Folder, "generate", demo.Sound, "-m", demo.Model, "--steps", "1000", "-W", "512", "-H", "512", "-s", "7", "-o", Path.Combine(folder, "out.png"));
        WaitForLine(process, "model: ");
        Send(process, signal);

        Assert.Equal(exit, End(process).Exit);
        Assert.Empty(Directory.GetFileSystemEntries(folder));
    }

    [Fact]
    public void Signal_EndsAWaitForStandardInput()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals are sent with kill");
        using Process process = Start(demo.Folder, "generate", "-", "-m", demo.Model);
        WaitForLine(process, "device: ");
        Send(process, "TERM");

        Assert.True(process.WaitForExit(Patience)); // its standard input is still open
        Assert.Equal(143, process.ExitCode);
    }
}
