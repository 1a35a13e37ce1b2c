namespace AudioToken.Cli;

/// <summary>The converter as a program of its own: <c>audiotoken convert</c> under another name.</summary>
internal static class ConvertProgram
{
    private static Task<int> Main(string[] args) => CommandLine.OfProcessAsync(["convert", .. args]);
}
