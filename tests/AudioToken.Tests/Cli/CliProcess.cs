using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace AudioToken.Tests.Cli;

/// <summary>The program as a process of its own.</summary>
internal static class CliProcess
{
    /// <summary>Long enough for a slow machine; a run that hangs is ended by then.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static Process Start(string folder, params string[] args)
    {
        ProcessStartInfo start = new(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "audiotoken.dll"));
        foreach (string arg in args)
            start.ArgumentList.Add(arg);
        return Process.Start(start)!;
    }

    public static (int Exit, string Output, string Error) End(Process process)
    {
        process.StandardInput.Close();
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(Patience));
        return (process.ExitCode, output, error.GetAwaiter().GetResult());
    }

    public static void WaitForLine(Process process, string beginning)
    {
        while (process.StandardError.ReadLine() is { } line)
        {
            if (line.StartsWith(beginning, StringComparison.Ordinal))
                return;
        }

        Assert.Fail($"the process ended without a line '{beginning}'");
    }

    public static void Send(Process process, string signal)
    {
        using Process kill = Process.Start("kill", ["-" + signal, process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
        Assert.Equal(0, kill.ExitCode);
    }
}
