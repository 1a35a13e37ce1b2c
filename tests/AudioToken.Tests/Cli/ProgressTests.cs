using System.Text.RegularExpressions;
using AudioToken.Cli.Output;
using AudioToken.Pipelines;
using Xunit;

namespace AudioToken.Tests.Cli;

[Collection(CliTests.Name)]
public sealed partial class ProgressTests(CliDemo demo)
{
    [Fact]
    public void Bar_IsSilentWhereErrorIsNoScreen() => Assert.DoesNotContain('\u001b', demo.Draw("-o", "-").Exits(0).Error);

    [Fact]
    public void Bar_IsDrawnOnAScreen() =>
        Assert.Contains('\u001b', demo.Run(new CliInput { ErrorIsScreen = true }, "generate", demo.Sound, "--steps", "2", "-s", "1", "-o", "-").Exits(0).Error);

    [Fact]
    public void NoColor_IsHonoured()
    {
        CliInput input = new() { ErrorIsScreen = true, Variables = new Dictionary<string, string> { ["NO_COLOR"] = "1" } };
        CliRun run = demo.Run(input, "generate", demo.Sound, "--steps", "2", "-s", "1", "-o", "-").Exits(0);

        Assert.Contains('\u001b', run.Error); // the cursor moves
        Assert.DoesNotMatch(Colour(), run.Error);
    }

    [Fact]
    public void Bar_IsSilentWithQuiet() =>
        Assert.Empty(demo.Run(new CliInput { ErrorIsScreen = true }, "generate", demo.Sound, "--steps", "1", "-s", "1", "-o", "-", "--quiet").Exits(0).Error);

    [Fact]
    public void Text_TellsPictureStepAndTimeLeft()
    {
        ProgressText text = new();
        GenerationProgress progress = new(GenerationPhase.EncodingSound, 0, 10, 0, 2, 7, default);

        Assert.Equal("picture 1/2: hearing", text.Next(progress, Seconds(0)));
        Assert.Equal("picture 1/2: step 0/10", text.Next(progress with { Phase = GenerationPhase.Denoising }, Seconds(30)));
        // Two steps in 20 s, so 18 more in 180 s.
        Assert.Equal("picture 1/2: step 2/10, 03:00 left", text.Next(progress with { Phase = GenerationPhase.Denoising, Step = 2 }, Seconds(50)));
        Assert.Equal((2, 20), (text.Done, text.Total));
        Assert.Equal("picture 1/2: decoding", text.Next(progress with { Phase = GenerationPhase.Decoding }, Seconds(130)));
        Assert.Equal(10, text.Done);
        Assert.Equal("picture 2/2: step 5/10, 00:50 left", text.Next(progress with { Phase = GenerationPhase.Denoising, Image = 1, Step = 5 }, Seconds(180)));
        Assert.Equal("picture 2/2: done", text.Next(progress with { Phase = GenerationPhase.Done, Image = 1 }, Seconds(240)));
    }

    [Fact]
    public void Text_TellsHoursWhereThereAreSome()
    {
        ProgressText text = new();
        GenerationProgress progress = new(GenerationPhase.Denoising, 0, 1000, 0, 1, 7, default);
        text.Next(progress, Seconds(0));

        Assert.Equal("step 1/1000, 3:44:46 left", text.Next(progress with { Step = 1 }, Seconds(13.5)));
    }

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    [GeneratedRegex(@"\u001b\[[0-9;]*m")]
    private static partial Regex Colour();
}
