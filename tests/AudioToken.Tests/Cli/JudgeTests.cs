using System.Text.Json;
using Xunit;

namespace AudioToken.Tests.Cli;

/// <summary>Judging few pictures, and pictures that are all alike (RELIABILITY case 63).</summary>
[Collection(CliTests.Name)]
public sealed class JudgeTests(CliDemo demo)
{
    [Fact]
    public void NoPicture_IsRefused() => demo.Run("judge", "--count", "0").Refuses(2502, "--count is '0', wanted a whole number from 1 to 1000000", "try:   --count 1, the nearest");

    [Theory]
    [InlineData("--count", "1")]
    [InlineData("--count", "2")]
    [InlineData("--wrong", "15")]
    public void FewerPicturesThanKinds_AreRefusedWithTheReason(string option, string value) => demo.Run("judge", option, value).Refuses(
        2502, $"{option} is '{value}', wanted at least 16: with fewer pictures than kinds some kind has none, and the share says nothing of it", $"try:   {option} 16");

    [Fact]
    public void NoWrongSounds_HaveNoShare()
    {
        CliRun run = demo.Run("judge", "--count", "16", "--wrong", "0", "--steps", "1", "--json").Exits(0);
        Assert.Equal((16, 0), (run.Json.GetProperty("pictures").GetInt32(), run.Json.GetProperty("wrong_sound_pictures").GetInt32()));
        Assert.Equal(JsonValueKind.Null, run.Json.GetProperty("wrong_sound").ValueKind);
    }
}
