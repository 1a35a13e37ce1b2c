using System.CommandLine;
using System.Globalization;
using AudioToken.Backends.Cuda.Compilation;

namespace AudioToken.Cli.Commands;

/// <summary>The CUDA kernels of this build.</summary>
internal sealed class KernelsCommand
{
    private readonly Terminal _terminal;
    private readonly Option<string> _architectures = new("--arch") { Description = "architectures, e.g. sm_80,sm_90a; sm_80 runs on every device of compute capability 8.x, sm_89 is made for 8.9", HelpName = "LIST", Required = true };
    private readonly Option<string?> _output = new("--output", "-o") { Description = "folder; default: beside the program, where it looks for them", HelpName = "DIR" };
    private readonly Option<bool> _verbose = new("--verbose", "-v") { Description = "show the stack trace of an error" };

    private KernelsCommand(Terminal terminal) => _terminal = terminal;

    public static Command Create(Terminal terminal)
    {
        KernelsCommand self = new(terminal);
        Command build = new("build", "compile them ahead, for machines without NVRTC; wants NVRTC, but no device");
        build.Options.Add(self._architectures);
        build.Options.Add(self._output);
        build.Options.Add(self._verbose);
        build.SetAction(self.BuildAsync);
        return new Command("kernels", "the CUDA kernels of this program") { build };
    }

    private Task<int> BuildAsync(ParseResult parsed, CancellationToken cancellation) => Task.Run(() => Build(parsed, cancellation), cancellation);

    private int Build(ParseResult parsed, CancellationToken cancellation)
    {
        string[] architectures = [.. parsed.GetRequiredValue(_architectures).Split(',', StringSplitOptions.TrimEntries).Select(KernelBuild.Architecture)];
        string folder = Path.GetFullPath(parsed.GetValue(_output) ?? KernelBuild.DefaultFolder);
        Lock guard = new();
        int files = 0;
        KernelBuild.Build(architectures, folder, (file, architecture, bytes) =>
        {
            lock (guard)
            {
                files++;
                _terminal.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{architecture}  {file}  {bytes} bytes"));
            }
        }, cancellation);
        _terminal.WriteLine(PlainText.Of(string.Create(CultureInfo.InvariantCulture, $"{files} kernel files in {folder}")));
        return ExitCode.Done;
    }
}
