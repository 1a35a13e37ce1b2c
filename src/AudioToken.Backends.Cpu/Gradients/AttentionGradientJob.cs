namespace AudioToken.Backends.Cpu;

/// <summary>What the parts of one <see cref="CpuOps.AttentionGradients"/> share.</summary>
internal unsafe struct AttentionGradientJob
{
    public float* Q;      // [B, Queries, Columns]
    public float* K;      // [B, Keys, Columns]
    public float* V;      // [B, Keys, Columns]
    public float* Dy;     // [B, Queries, Columns]
    public float* Dq;     // [B, Queries, Columns]
    public float* Dk;     // [B, Keys, Columns]
    public float* Dv;     // [B, Keys, Columns]
    public float* Bias;   // [Heads, Queries, Keys] or null
    public float* Gate;   // [B, Queries, Heads] or null
    public float* DBias;  // [Heads, Queries, Keys] or null
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

    /// <summary>Number of parts.</summary>
    public readonly int Parts => Bias is null ? Samples * Heads : Heads;
}

/// <summary>Working memory of one thread.</summary>
internal readonly unsafe struct AttentionGradientRoom
{
    /// <summary>Keys that lie side by side in a chunk of <see cref="KeyColumns"/>: two heights of the kernel.</summary>
    public const int ChunkKeys = 28;

    /// <summary>Lays the room out; a null start counts it.</summary>
    /// <param name="start">Where it begins.</param>
    /// <param name="job">What is computed.</param>
    /// <param name="lanes">Queries of a block.</param>
    /// <param name="vectorWidth">Floats in a vector.</param>
    public AttentionGradientRoom(float* start, in AttentionGradientJob job, int lanes, int vectorWidth)
    {
        long at = 0, width = job.Width, keys = RowsFor(job.Keys), chunked = (keys + ChunkKeys - 1) / ChunkKeys * ChunkKeys * width;
        long whole = new PackedShape(1, job.Width, 1, vectorWidth).Floats, biased = job.Bias is null ? 0 : (long)(job.Queries + lanes) * keys;
        KeyColumns = Take(chunked);
        ValueColumns = Take(chunked);
        Shares = Take(keys * lanes);
        Slopes = Take(keys * lanes);
        Queries = Take(width * lanes);
        Gradients = Take(width * lanes);
        Product = Take(width * lanes);
        QueryRows = Take(whole * lanes);
        GradientRows = Take(whole * lanes);
        ByKey = Take(whole * keys);
        ByValue = Take(whole * keys);
        BiasColumns = Take(biased);
        ByBias = Take(biased);
        Levels = Take((long)AttentionLevels.Count * lanes);
        Floats = at;

        float* Take(long floats)
        {
            float* taken = start is null ? null : start + at;
            at += (floats + CacheLines.Floats - 1) / CacheLines.Floats * CacheLines.Floats;
            return taken;
        }
    }

    /// <summary>Rows of a tile of so many keys: whole heights of the smaller kernels.</summary>
    public static int RowsFor(int keys) => (keys + 3) / 4 * 4;

    /// <summary>[chunk][width][<see cref="ChunkKeys"/>]; so are the values.</summary>
    public float* KeyColumns { get; }

    public float* ValueColumns { get; }

    /// <summary>[keys][lanes].</summary>
    public float* Shares { get; }

    /// <summary>[keys][lanes].</summary>
    public float* Slopes { get; }

    /// <summary>[width][lanes].</summary>
    public float* Queries { get; }

    /// <summary>[width][lanes].</summary>
    public float* Gradients { get; }

    /// <summary>[width][lanes].</summary>
    public float* Product { get; }

    /// <summary>Panels of [lanes][columns].</summary>
    public float* QueryRows { get; }

    /// <summary>Panels of [lanes][columns].</summary>
    public float* GradientRows { get; }

    /// <summary>Panels of [keys][columns].</summary>
    public float* ByKey { get; }

    /// <summary>Panels of [keys][columns].</summary>
    public float* ByValue { get; }

    /// <summary>The head's bias, [block][keys][lanes].</summary>
    public float* BiasColumns { get; }

    /// <summary>Its gradient.</summary>
    public float* ByBias { get; }

    /// <summary>Of <see cref="AttentionLevels"/>.</summary>
    public float* Levels { get; }

    public long Floats { get; }
}
