namespace AudioToken.World;

/// <summary>What a seed may be used for.</summary>
public enum WorldSplit
{
    /// <summary>To train on.</summary>
    Training,

    /// <summary>To train those who judge what was learned: they share no seed with the learner.</summary>
    Judging,

    /// <summary>To choose settings by.</summary>
    Validation,

    /// <summary>To evaluate with, once all else is settled.</summary>
    HeldOut,
}

/// <summary>Splits the seeds by their lowest digit, so that no seed can ever be of two splits.</summary>
/// <remarks>Of ten seeds in a row, seven are for training, one (ending in 7) for judging, one (8) for validation and one (9) held out.</remarks>
public static class WorldSeeds
{
    private const ulong Training = 7;

    /// <summary>The largest index that <see cref="Of"/> takes.</summary>
    public const ulong MaxIndex = (ulong.MaxValue / 10) - 1;

    /// <summary>The split of a seed.</summary>
    public static WorldSplit SplitOf(ulong seed) => (seed % 10) switch
    {
        < Training => WorldSplit.Training,
        7 => WorldSplit.Judging,
        8 => WorldSplit.Validation,
        _ => WorldSplit.HeldOut,
    };

    /// <summary>The index-th seed of a split; different indices give different seeds.</summary>
    public static ulong Of(WorldSplit split, ulong index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(index, MaxIndex);
        return split switch
        {
            WorldSplit.Training => index / Training * 10 + index % Training,
            WorldSplit.Judging => index * 10 + 7,
            WorldSplit.Validation => index * 10 + 8,
            WorldSplit.HeldOut => index * 10 + 9,
            _ => throw new ArgumentOutOfRangeException(nameof(split)),
        };
    }
}
