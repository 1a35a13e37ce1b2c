using AudioToken.Audio;
using AudioToken.Backends.Cpu;
using AudioToken.Pipelines;
using AudioToken.Pipelines.Imaging;
using AudioToken.Testing;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Tests.Pipelines;

/// <summary>The program of README is this one, so that it compiles.</summary>
public sealed class ReadmeTests
{
    private const string Begin = "// README", End = "// to here";

    [Fact]
    public void Program_IsTheOneCompiledHere()
    {
        Assert.SkipWhen(Repository.Root is null, "The sources are not here.");
        string[] source = File.ReadAllLines(Path.Combine(Repository.Root!, "tests", "AudioToken.Tests", "Pipelines", "ReadmeTests.cs"));
        IEnumerable<string> compiled = source.SkipWhile(line => line.Trim() != Begin).Skip(1).TakeWhile(line => line.Trim() != End).Select(line => line.Length < 8 ? line : line[8..]);
        string readme = File.ReadAllText(Path.Combine(Repository.Root!, "README.md")).ReplaceLineEndings("\n");
        Assert.Contains($"```csharp\n{string.Join('\n', compiled)}\n```", readme, StringComparison.Ordinal);
    }

    internal static async Task<byte> ProgramAsync(CancellationToken cancellationToken)
    {
        // README
        using ModelFiles files = ModelFiles.Open("bundle.safetensors");
        await using AudioToImagePipeline pipeline = AudioToImagePipeline.Load(files, new CpuOps());

        ReadOnlyMemory<float> samples = AudioClip.Load("rain.wav", cancellation: cancellationToken).Samples; // or your own: mono, 16 kHz
        GenerationResult result = await pipeline.GenerateAsync(
            new GenerationRequest { Samples = samples, Seed = 7, Steps = 25 },
            new Progress<GenerationProgress>(p => Console.Error.WriteLine($"{p.Phase} {p.Step}/{p.Steps}")),
            cancellationToken);
        GeneratedImage image = result.Images[0];
        PngWriter.Save("rain.png", image.Pixels, image.Parameters.ToPngTexts()); // or take the bytes:
        ReadOnlySpan<byte> rgb = image.Pixels.Rgb;
        // to here
        return rgb[0];
    }
}
