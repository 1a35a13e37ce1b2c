namespace AudioToken.Backends.Cpu;

/// <summary>What the parts of one <see cref="CpuOps.AttentionGradients"/> share.</summary>
internal unsafe struct AttentionGradientJob
{
    /// <summary>The most queries of a block: whole tiles of 14 rows, and of 6.</summary>
    public const int MostRows = 84;

    public float* Q;      // [B, Queries, Columns]
    public float* K;      // [B, Keys, Columns]
    public float* V;      // [B, Keys, Columns]
    public float* Dy;     // [B, Queries, Columns]
    public float* Dq;     // [B, Queries, Columns]
    public float* Dk;     // [B, Keys, Columns]
    public float* Dv;     // [B, Keys, Columns]
    public float* Bias;   // [Heads, Queries, Keys] or null
    public float* Gate;   // [B, Queries, Heads] or null
    public float* DBias;  // [Heads, Queries, Keys] of zeros, or null
    public float* DGate;  // [B, Queries, Heads] or null
    public float* Room;   // [threads, RoomFloats]
    public int Samples;
    public int Queries;
    public int Keys;
    public int Columns;
    public int Heads;
    public int Width;
    public float Scale;
    public bool Causal;

    /// <summary>Queries of a block; of many keys so few that their scores stay near the first-level cache.</summary>
    public readonly int BlockRows => Keys > 128 ? MostRows / 3 : MostRows;

    /// <summary>Number of parts.</summary>
    public readonly int Parts => Bias is null ? Samples * Heads : Heads;
}

/// <summary>Working memory of one thread.</summary>
internal readonly unsafe struct AttentionGradientRoom
{
    /// <summary>Lays the room out; a null start counts it.</summary>
    public AttentionGradientRoom(float* start, PackedShape byKeys, PackedShape scores, PackedShape overKeys, int stride, int keyChunks, int widthChunks)
    {
        const int Rows = AttentionGradientJob.MostRows;
        long padded = (long)scores.Panels * scores.PanelWidth, width = byKeys.Depth;
        long at = 0;
        KeyPanels = Take(byKeys.Floats);
        ValuePanels = Take(byKeys.Floats);
        OverKeys = Take(overKeys.Floats);
        Shares = Take(scores.Floats);
        Slopes = Take(scores.Floats);
        SlopeRows = Take((long)keyChunks * Rows * stride);
        Queries = Take((long)widthChunks * Rows * stride);
        Gradients = Take((long)widthChunks * Rows * stride);
        Product = Take((long)overKeys.Panels * overKeys.PanelWidth * Rows);
        ByKey = Take(padded * width);
        ByValue = Take(padded * width);
        Floats = at;

        float* Take(long floats)
        {
            float* taken = start is null ? null : start + at;
            at += floats;
            return taken;
        }
    }

    public float* KeyPanels { get; }

    public float* ValuePanels { get; }

    public float* OverKeys { get; }

    public float* Shares { get; }

    public float* Slopes { get; }

    public float* SlopeRows { get; }

    public float* Queries { get; }

    public float* Gradients { get; }

    public float* Product { get; }

    public float* ByKey { get; }

    public float* ByValue { get; }

    public long Floats { get; }
}
