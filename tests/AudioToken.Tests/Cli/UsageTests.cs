using System.Text.Json;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tests.Weights;
using Xunit;

namespace AudioToken.Tests.Cli;

/// <summary>Command lines that are refused before anything is read or drawn (RELIABILITY cases 38 to 42), each with its words.</summary>
[Collection(CliTests.Name)]
public sealed class UsageTests(CliDemo demo)
{
    [Theory]
    [InlineData("--steps", "0", "--steps is '0', wanted a whole number from 1 to 1000", "--steps 1, the nearest")]
    [InlineData("--steps", "10000", "from 1 to 1000", "--steps 1000, the nearest")]
    [InlineData("--steps", "2.6", "whole number", "--steps 3, the nearest")]
    [InlineData("--cfg-scale", "-1", "--cfg-scale is '-1', wanted a number from 0 to 100", "--cfg-scale 0, the nearest")]
    [InlineData("--cfg-scale", "1e99", "from 0 to 100", "--cfg-scale 100, the nearest")]
    [InlineData("--seed", "-2", "--seed is '-2'", "--seed 0, the nearest")]
    [InlineData("--seed", "18446744073709551616", "0 to 18446744073709551615", "--seed 18446744073709551615, the nearest")]
    [InlineData("-b", "1000000", "--batch-count is '1000000'", "--batch-count 1000, the nearest")]
    [InlineData("-b", "0", "--batch-count is '0'", "--batch-count 1, the nearest")]
    [InlineData("-W", "0", "--width is '0', wanted a multiple of 8 from 64 to 4096", "--width 64, the nearest")]
    [InlineData("-H", "-8", "--height is '-8'", "--height 64, the nearest")]
    [InlineData("-W", "515", "multiple of 8", "--width 512, the nearest")]
    [InlineData("-W", "65536", "memory: a square of that side would take 12,288 GB", "--width 4096, the nearest")]
    [InlineData("--threads", "0", "--threads is '0'", "--threads 1, the nearest")]
    [InlineData("--max-input", "0", "--max-input is '0'", "--max-input 1, the nearest")]
    public void NumberOutOfRange_IsRefusedWithTheNearestValidOne(string option, string value, string message, string hint) =>
        demo.Run("generate", demo.Sound, option, value).Refuses(2502, message, "try:   " + hint);

    [Theory]
    [InlineData("--cfg-scale", "NaN")]
    [InlineData("--steps", "many")]
    [InlineData("-W", "wide")]
    [InlineData("--seed", "")]
    public void NotANumber_IsRefused(string option, string value) =>
        Assert.DoesNotContain("try:", demo.Run("generate", demo.Sound, option, value).Refuses(2502, $"'{value}'").Error, StringComparison.Ordinal);

    [Theory]
    [InlineData("--sampling-method", "heun", "pndm, ddim")]
    [InlineData("--scheduler", "exponential", "discrete, karras")]
    [InlineData("--rng", "dice", "torch-cpu, philox")]
    [InlineData("--trace-level", "some", "all, stage")]
    [InlineData("--device", "gpu", "auto, cpu or cuda")]
    [InlineData("--precision", "fp8", "fp16, bf16, fp32")]
    public void UnknownWord_IsRefusedWithThoseThereAre(string option, string value, string words) =>
        demo.Run("generate", demo.Sound, option, value).Refuses(2501, $"{option} is '{value}'", words);

    [Theory, InlineData("cuda"), InlineData("cuda:1")]
    public void Cuda_IsRefusedWhereThereIsNoDriver(string device)
    {
        Assert.SkipWhen(CudaDevice.WhyNone()?.Code != CudaErrors.NoDriver, "This machine has a CUDA driver.");
        demo.Run("generate", demo.Sound, "--device", device).Refuses(CudaErrors.NoDriver, "the NVIDIA driver's library was not found (tried libcuda.so.1", "install an NVIDIA driver");
    }

    [Fact]
    public void NoSound_IsRefused() => demo.Run("generate").Refuses(2501, "no sound is named", "audiotoken generate rain.wav");

    [Fact]
    public void MistypedOption_IsNotTakenForASound() => demo.Run("generate", "--stepps").Refuses(2501, "--stepps", "audiotoken generate --help");

    [Fact]
    public void UnknownOption_IsRefused() => demo.Run("generate", demo.Sound, "--stepps", "3").Refuses(2501, "--stepps", "try:   audiotoken generate --help");

    [Fact]
    public void MistypedOption_IsTheOneNamedNotTheWordBehindIt() => demo.Run("generate", "--stepps", demo.Sound).Refuses(2501, "there is no option '--stepps'");

    [Fact]
    public void NoCommand_IsRefused() => demo.Run().Refuses(2501, "no command is given; there are generate, blend, encode", "try:   audiotoken --help");

    [Fact]
    public void Kernels_AreBuiltForArchitecturesOnly() =>
        demo.Run("kernels", "build", "--arch", "sm_80,sm_70").Refuses(2701, "'sm_70' is not an architecture that kernels are built for; wanted sm_80 or newer");

    [Fact]
    public void Kernels_SayWhatTheirCompilerLacks()
    {
        Environment.SetEnvironmentVariable("AUDIOTOKEN_NVRTC", "/nonexistent/libnvrtc.so.12");
        using TemporaryFolder folder = new();
        demo.Run("kernels", "build", "--arch", "sm_80", "-o", folder.Path).Refuses(5105, "NVRTC was not found (tried /nonexistent/libnvrtc.so.12)");
    }

    [Fact]
    public void CommandWithinACommand_IsHintedAtWhole() => demo.Run("kernels", "build", "--jsn").Refuses(2501, "there is no option '--jsn'", "try:   audiotoken kernels build --help");

    [Fact]
    public void Variables_AreNamed() =>
        demo.Run(new CliInput { Variables = new Dictionary<string, string> { ["AUDIOTOKEN_DEVICE"] = "gpu" } }, "generate", demo.Sound).Refuses(2501, "AUDIOTOKEN_DEVICE is 'gpu', wanted auto, cpu or cuda");

    [Fact]
    public void EmptyVariables_AreNotSet()
    {
        Dictionary<string, string> variables = new() { ["AUDIOTOKEN_MODEL"] = "", ["AUDIOTOKEN_DEVICE"] = "", ["AUDIOTOKEN_THREADS"] = "" };
        demo.Run(new CliInput { Variables = variables }, "generate", demo.Sound, "--steps", "1", "--cfg-scale", "1", "-o", "-").Exits(0);
    }

    [Fact]
    public void EmptySoundName_IsRefused() => demo.Run("generate", "").Refuses(3001, "the sound's file name is empty.");

    [Fact]
    public void NameThatIsNotUtf8_HasAWayAround() => demo.Run("generate", "\uFFFD.wav").Refuses(3001, "there is no file", "audiotoken generate - < FILE");

    [Fact]
    public void RawFormatSaidTwice_IsRefused() => demo.Run("generate", demo.Sound, "--raw", "s16le,8000", "--rate", "16000").Refuses(2501, "--raw 's16le,8000' says the rate already");

    [Fact]
    public void UnknownCommand_IsRefused() => demo.Run("paint").Refuses(2501, "there is no command or option 'paint'; the commands are generate, blend, encode");

    [Fact]
    public void ValueThatIsMissing_IsRefused() => demo.Run("generate", demo.Sound, "--steps").Refuses(2501, "--steps");

    [Fact]
    public void NameWithAt_IsNotReadAsAListOfArguments() => demo.Run("generate", "@args").Refuses(3001, "@args");

    [Theory]
    [InlineData("official,2")]
    [InlineData("start:-1")]
    public void Window_ThatIsMalformedIsRefused(string window) => demo.Run("generate", demo.Sound, "--window", window).Refuses(2102, window.Split(':')[0]);

    [Fact]
    public void Channel_ThatTheSoundLacksIsRefused() => demo.Run("generate", demo.Sound, "--channel", "3").Refuses(2104, "channel 3 was asked for");

    [Fact]
    public void RateWithoutRaw_IsRefused() => demo.Run("generate", demo.Sound, "--rate", "8000").Refuses(2501, "--raw is not given");

    [Fact]
    public void SoundAndToken_AreRefusedTogether() => demo.Run("generate", demo.Sound, "--token", "x").Refuses(2501, "both a sound", "--token");

    [Fact]
    public void WeightsThatDoNotCountTheSounds_AreRefused() => demo.Run("generate", demo.Sound, "--audio-weight", "1", "--audio-weight", "2").Refuses(
        2501, "--audio-weight is given 2 times, but there is one sound", "one weight for all, or one for each");

    [Fact]
    public void WeightOutOfRange_IsRefused() => demo.Run("generate", demo.Sound, "--audio-weight", "11").Refuses(2502, "--audio-weight is '11', wanted a number from 0 to 10");

    [Fact]
    public void StandardInputTwice_IsRefused() => demo.Run("generate", "-", "-").Refuses(2501, "standard input holds one sound");

    [Fact]
    public void TwoSoundsWhereOneIsEncoded_AreRefused() => demo.Run("encode", demo.Sound, demo.Sound).Refuses(2501, $"'{demo.Sound}' is one argument more than 'audiotoken encode' takes", "audiotoken encode --help");

    [Fact]
    public void TraceLevelWithoutTrace_IsRefused() => demo.Run("generate", demo.Sound, "--trace-level", "all").Refuses(2501, "--trace FILE");

    [Fact]
    public void StandardOutput_TakesOneThing()
    {
        demo.Run("generate", demo.Sound, "-o", "-", "-b", "2").Refuses(2501, "writes one picture");
        demo.Run("generate", demo.Sound, "-o", "-", "--json").Refuses(2501, "both want standard output");
    }

    [Fact]
    public void Placeholder_TwiceAbsentInStrictModeOrInTheNegativePromptIsRefused()
    {
        demo.Draw("-o", "-", "-p", "<*> and <*>").Refuses(2011, "2 times");
        demo.Draw("-o", "-", "-p", "a bell", "--strict").Refuses(2012, "'a bell'");
        demo.Draw("-o", "-", "-n", "<*>").Refuses(2013, "negative prompt");
    }

    [Fact]
    public void Placeholder_ThatWouldBeCutOffIsRefused() =>
        demo.Draw("-o", "-", "-p", string.Concat(Enumerable.Repeat("storm ", 80)) + "<*>").Refuses(2301, "its sound would be cut off");

    [Fact]
    public void PromptOfAMegabyte_IsCutAndDrawn() => demo.Draw("-o", "-", "-p", "<*> " + new string('x', 1 << 20), "--quiet").Exits(0);

    [Fact]
    public void Karras_WithASamplerThatHasNoneIsRefused() => demo.Draw("-o", "-", "--sampling-method", "ddim", "--scheduler", "karras").Refuses(2402, "karras");

    [Fact]
    public void Error_IsAnObjectToo()
    {
        CliRun run = demo.Run("generate", demo.Sound, "--steps", "0", "--json").Exits(2);

        JsonElement error = run.Json.GetProperty("error");
        Assert.Equal("AT2502", error.GetProperty("code").GetString());
        Assert.Equal("--steps is '0', wanted a whole number from 1 to 1000", error.GetProperty("message").GetString());
        Assert.Equal("--steps 1, the nearest valid value", error.GetProperty("hint").GetString());
    }

    [Fact]
    public void Verbose_ShowsTheStackTrace()
    {
        CliRun run = demo.Run("generate", "nowhere.wav", "--verbose").Exits(3);

        Assert.Contains("   at AudioToken.", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--help", "Exit codes: 0 done")]
    [InlineData("generate --help", "--num_inference_steps")]
    [InlineData("encode --help", "rain.token.safetensors")]
    [InlineData("tokenize --help", "--padded")]
    [InlineData("inspect --help", "--tensors")]
    [InlineData("doctor --help", "--self-test")]
    public void Help_GoesToStandardOutput(string command, string words)
    {
        CliRun run = demo.Run(command.Split(' ')).Exits(0);

        Assert.Contains(words, run.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("record-self-test", run.Text, StringComparison.Ordinal);
        Assert.Empty(run.Error);
    }
}
