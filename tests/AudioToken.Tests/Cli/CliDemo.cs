using AudioToken.Cli;
using AudioToken.Testing;
using AudioToken.Weights;
using AudioToken.WeightsConverter;
using Xunit;

namespace AudioToken.Tests.Cli;

/// <summary>A folder as it lies beside the program, with a tiny model in it, and ways to run the program on it.</summary>
public sealed class CliDemo : IDisposable
{
    public const string Note = "untrained demonstration model";

    public CliDemo()
    {
        using TinyModel tiny = new();
        using (ModelFiles files = tiny.Open())
            new BundleBuilder { Note = Note }.Build(files, Model);
        using FileStream stream = File.Create(Sound);
        DemoSounds.Write("bell", stream);
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("audiotoken-cli-").FullName;

    public string Model => PathOf("demo.safetensors");

    public string Sound => PathOf("bell.wav");

    /// <summary>Runs a command line in this process.</summary>
    public CliRun Run(params IReadOnlyList<string> args) => Run(new CliInput(), args);

    /// <summary>Runs a command line in this process, with standard input, variables and a screen of its own.</summary>
    public CliRun Run(CliInput input, params IReadOnlyList<string> args)
    {
        using MemoryStream output = new();
        using StringWriter error = input.Error;
        Terminal terminal = new()
        {
            OpenInput = () => input.Stream,
            Output = output,
            Error = error,
            ErrorIsScreen = input.ErrorIsScreen,
            Variable = name => input.Variables.GetValueOrDefault(name),
            DemoFolder = input.DemoFolder ?? Folder,
        };
        int exit = CommandLine.RunAsync(args, terminal, input.Cancellation).GetAwaiter().GetResult();
        return new CliRun(exit, output.ToArray(), error.ToString());
    }

    /// <summary>Draws one small picture as fast as can be: one step, no guidance.</summary>
    public CliRun Draw(params IReadOnlyList<string> args) => Run(["generate", Sound, "--steps", "1", "--cfg-scale", "1", "--seed", "7", .. args]);

    public string PathOf(string name) => Path.Combine(Folder, name);

    /// <summary>A new folder under <see cref="Folder"/>.</summary>
    public string NewFolder() => Directory.CreateDirectory(PathOf(Path.GetRandomFileName())).FullName;

    /// <summary>A new file with some content.</summary>
    public string Write(string name, ReadOnlySpan<byte> content)
    {
        string path = Path.Combine(NewFolder(), name);
        File.WriteAllBytes(path, content);
        return path;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}

/// <summary>The demonstration is made once for all tests of the command line.</summary>
[CollectionDefinition(Name)]
public sealed class CliTests : ICollectionFixture<CliDemo>
{
    public const string Name = "command line";
}
