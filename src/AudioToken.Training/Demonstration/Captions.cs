using AudioToken.Models.Clip;

namespace AudioToken.Training.Demonstration;

/// <summary>The texts that the demonstration model learns, and their tokens.</summary>
internal sealed class Captions
{
    // Captions left out, so that guidance knows what nothing means. Ho and Salimans 2021.
    private const ulong EmptyOfTen = 1;

    // What stands around captions at use.
    private const string Before = "a photo of ", After = ", 4k, high resolution";

    private Captions(byte[] merges)
    {
        Merges = merges;
        Tokenizer = ClipTokenizer.Load(new TokenizerFiles("the demonstration's tokenizer", name => name == MergesName ? merges : null));
        Ids = new TokenizerIds(Tokenizer.VocabularySize, Tokenizer.BosId, Tokenizer.EosId, Tokenizer.PadId);
        Tokenizer.AddPlaceholder("<*>");
    }

    /// <summary>Name of the tokenizer's only file.</summary>
    public const string MergesName = "merges.txt";

    /// <summary>That file.</summary>
    public byte[] Merges { get; }

    /// <summary>A tokenizer to which every word of the captions is one token.</summary>
    public ClipTokenizer Tokenizer { get; }

    /// <summary>What the text encoder's configuration says of it, without the placeholder.</summary>
    public TokenizerIds Ids { get; }

    /// <summary>Makes the tokenizer of a pool's captions.</summary>
    public static Captions Of(WorldPool pool) =>
        new(WordMerges.Learn([Before, After, .. Enumerable.Range(0, pool.Count).Select(sample => World.Caption.Full(WorldPool.At(sample).Scene))]));

    /// <summary>A caption of a sample, mostly with some of what could be said, at times with the words that stand around captions at use, at times empty.</summary>
    public TokenizedPrompt Draw(int sample, ulong seed)
    {
        if (seed % 10 < EmptyOfTen)
            return Tokenizer.EncodePadded("");
        string caption = WorldPool.At(sample).Caption;
        return Tokenizer.EncodePadded(Around(seed / 10 % 2 == 0 ? caption : Before + caption, seed / 20));
    }

    /// <summary>Adds to one prompt of four what stands behind prompts at use.</summary>
    public static string Around(string prompt, ulong seed) => seed % 4 == 0 ? prompt + After : prompt;

    /// <summary>The tokens that name a sample's kind.</summary>
    public IReadOnlyList<int> Label(int sample) => Tokenizer.Encode(WorldPool.At(sample).Kind.Noun);
}
