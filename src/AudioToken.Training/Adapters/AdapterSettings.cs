namespace AudioToken.Training.Adapters;

/// <summary>Projections of attention that a LoRA changes.</summary>
[Flags]
public enum LowRankTargets
{
    /// <summary>Queries.</summary>
    Query = 1,

    /// <summary>Keys.</summary>
    Key = 2,

    /// <summary>Values.</summary>
    Value = 4,

    /// <summary>Outputs.</summary>
    Output = 8,

    /// <summary>All four, as the official script has it.</summary>
    All = Query | Key | Value | Output,
}

/// <summary>What of a model is trained, and by which loss.</summary>
public sealed record AdapterSettings
{
    /// <summary>Rank of the LoRA; 0 trains none.</summary>
    public int LoraRank { get; init; }

    /// <summary>Strength of the LoRA.</summary>
    public float LoraScale { get; init; } = 1;

    /// <summary>Which projections the LoRA changes.</summary>
    public LowRankTargets LoraTargets { get; init; } = LowRankTargets.All;

    /// <summary>Factor of the mean magnitude of the audio token.</summary>
    public double MagnitudePenalty { get; init; } = 0.01;

    /// <summary>Factor of the mean squared length of the audio token.</summary>
    public double LengthPenalty { get; init; }

    /// <summary>Factor of the square of what the mean cosine between audio tokens and embedded labels lacks to 1; where samples have labels.</summary>
    public double LabelPenalty { get; init; }

    /// <summary>The prompt in training.</summary>
    public string Prompt { get; init; } = "a photo of <*>";

    /// <summary>Seed of what is drawn: a fresh embedder, a fresh LoRA.</summary>
    public ulong Seed { get; init; }

    /// <summary>Keep results of blocks only, and compute the rest again on the way back.</summary>
    public bool Checkpoints { get; init; } = true;
}
