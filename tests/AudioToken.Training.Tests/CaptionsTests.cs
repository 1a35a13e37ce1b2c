using AudioToken.Models.Clip;
using AudioToken.Training.Demonstration;
using AudioToken.World;
using Xunit;

namespace AudioToken.Training.Tests;

/// <summary>The demonstration's tokenizer.</summary>
public sealed class CaptionsTests
{
    private static readonly Captions s_captions = Captions.Of(new WorldPool(40));

    [Fact]
    public void EveryWordOfTheWorld_IsOneToken()
    {
        for (int sample = 0; sample < 40 * WorldKinds.All.Count; sample++)
        {
            string caption = Caption.Full(WorldPool.At(sample).Scene);
            Assert.Equal(caption.Split(' ').Length, s_captions.Tokenizer.Encode(caption).Count);
        }

        Assert.Equal("a photo of <*>".Split(' ').Length, s_captions.Tokenizer.Encode("a photo of <*>").Count);
        Assert.All(WorldKinds.All.Index(), kind => Assert.Single(s_captions.Label(kind.Index)));
    }

    [Fact]
    public void OtherWords_AreReadByTheByte()
    {
        Assert.Equal("zebra äöü", s_captions.Tokenizer.Decode(s_captions.Tokenizer.Encode("zebra äöü")));
    }

    [Fact]
    public void Vocabulary_IsTheSameWheneverItIsMade()
    {
        Assert.Equal(s_captions.Merges, Captions.Of(new WorldPool(40)).Merges);
    }

    [Fact]
    public void ATenth_SaysNothing()
    {
        int empty = Enumerable.Range(0, 1000).Count(seed => s_captions.Draw(seed % 100, (ulong)seed).TokenCount == 0);
        Assert.Equal(100, empty);
        Assert.Equal(ClipTokenizer.ContextLength, s_captions.Draw(0, 1).Ids.Count);
    }
}
