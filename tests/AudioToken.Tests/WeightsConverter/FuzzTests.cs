using AudioToken.Fuzz;
using AudioToken.Tests.Weights;
using Xunit;

namespace AudioToken.Tests.WeightsConverter;

/// <summary>A fixed number of damaged inputs for everything that reads files of strangers; AFL looks for more (tests/AudioToken.Fuzz).</summary>
public sealed class FuzzTests : IDisposable
{
    private const int Runs = 1_000;

    // Not a measure of speed: what takes so long for a few kilobytes hangs.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> Targets { get; } = [.. FuzzTargets.All.Select(target => target.Name)];

    [Theory]
    [MemberData(nameof(Targets))]
    public void GoodInputs_AreRead(string name)
    {
        FuzzTarget target = FuzzTargets.All.Single(each => each.Name == name);
        // What is no checkpoint on purpose, or is of one reader only and refused by another: the rest is read.
        string[] refused = name switch
        {
            "checkpoint" => ["lfs", "onnx", "xml"],
            "config" => ["unet", "unet2", "vae"],
            _ => [],
        };

        Assert.Equal(refused, target.Seeds().Where(seed => !target.Run(seed.Value, _folder.Path)).Select(seed => seed.Key).Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public async Task DamagedInputs_AreReadOrRefused(string name)
    {
        FuzzTarget target = FuzzTargets.All.Single(each => each.Name == name);

        await Task.Run(() => MutatedRuns.Run(target, _folder.Path, Runs, seed: 20_261), TestContext.Current.CancellationToken).WaitAsync(s_patience, TestContext.Current.CancellationToken);
    }
}
