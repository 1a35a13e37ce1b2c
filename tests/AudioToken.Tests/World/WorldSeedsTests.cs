using AudioToken.World;
using CsCheck;
using Xunit;

namespace AudioToken.Tests.World;

public sealed class WorldSeedsTests
{
    private static readonly Gen<WorldSplit> s_split = Gen.Enum<WorldSplit>();

    [Fact]
    public void Seeds_OfASplitAreOfNoOther() =>
        Gen.Select(s_split, Gen.ULong[0, WorldSeeds.MaxIndex]).Sample((split, index) => WorldSeeds.SplitOf(WorldSeeds.Of(split, index)) == split);

    [Fact]
    public void Indices_GiveSeedsOfTheirOwn() =>
        Gen.Select(s_split, Gen.ULong[0, 1000], Gen.ULong[0, 1000]).Sample((split, a, b) => a == b || WorldSeeds.Of(split, a) != WorldSeeds.Of(split, b));

    [Fact]
    public void EverySeed_IsOfASplit()
    {
        // Ten in a row: seven to train on, one for each other purpose, and the splits' own counting reaches all of them.
        ulong[] reached = [.. Enum.GetValues<WorldSplit>().SelectMany(split => Enumerable.Range(0, split == WorldSplit.Training ? 7 : 1).Select(i => WorldSeeds.Of(split, (ulong)i)))];
        Assert.Equal(Enumerable.Range(0, 10).Select(i => (ulong)i), reached.Order());
        Assert.Equal("index", Assert.Throws<ArgumentOutOfRangeException>(() => WorldSeeds.Of(WorldSplit.Training, ulong.MaxValue)).ParamName);
    }
}
