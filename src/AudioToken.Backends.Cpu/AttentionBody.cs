using System.Numerics.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>Attention of one block of queries of one head of one sample: a part of an attention.</summary>
/// <remarks>The softmax is carried along block by block of keys (Milakov and Gimelshein 2018; Dao et al. 2022), so no matrix of
/// queries by keys is ever stored, and a part depends on nothing but its own queries and its sample's keys and values.</remarks>
internal unsafe struct AttentionBody : IParallelBody
{
    private const int Lanes = AttentionTiles.Lanes;
    private const int KeyBlock = AttentionTiles.KeyBlock;

    // So much of keys and values stays near, or comes by the processor's own reading ahead, while the tiles of a head follow one another.
    private const long NearBytes = 2 << 20;

    public WorkerPool Workers;
    public float* Q;      // [B, Queries, Columns]
    public float* K;      // [B, Keys, Columns]
    public float* V;      // [B, Keys, Columns]
    public float* Bias;   // [Heads, Queries, Keys] or null
    public float* Gate;   // [B, Queries, Heads] or null
    public float* Y;      // [B, Queries, Columns]
    public int Queries;
    public int Keys;
    public int Columns;
    public int Heads;
    public int Width;
    public float Scale;
    public bool Causal;
    public bool Wide;

    /// <summary>Blocks of queries a head.</summary>
    public readonly int Blocks => (Queries + Lanes - 1) / Lanes;

    // The last block would have the rest alone: blocks share the vectors of queries.
    private readonly int First(int block) => Math.Min(Queries, (int)((Queries + AttentionTiles.V512 - 1L) / AttentionTiles.V512 * block / Blocks) * AttentionTiles.V512);

    public void Run(int index, int worker)
    {
        int first = First(index % Blocks), head = index / Blocks % Heads, sample = index / Blocks / Heads;
        int queries = First(index % Blocks + 1) - first, lanes = AttentionTiles.LanesFor(queries, Wide);
        float* q = (float*)Workers.Scratch(worker, sizeof(float) * Lanes * (2L * Width + KeyBlock + 4)); // [Width][Lanes]
        float* o = q + Lanes * Width;            // [Width][Lanes]
        float* s = o + Lanes * Width;            // [KeyBlock][Lanes]
        float* maxima = s + Lanes * KeyBlock;    // [Lanes], and so on
        float* sums = maxima + Lanes;
        float* alpha = sums + Lanes;
        float* gate = alpha + Lanes;

        long start = ((long)sample * Queries + first) * Columns + head * Width;
        float* k = K + (long)sample * Keys * Columns + head * Width;
        float* v = V + (long)sample * Keys * Columns + head * Width;
        float* rows = Bias is null ? null : Bias + ((long)head * Queries + first) * Keys;
        int end = Causal ? Math.Min(Keys, first + queries) : Keys;

        // The first tile of a head finds nothing near. The others find the queries and the bias that the one before asked for.
        bool far = first == 0 || 2L * Keys * Width * sizeof(float) > NearBytes;
        if (first == 0)
            CacheLines.Ask(Q + start, Columns, queries, Width);
        if (far)
        {
            CacheLines.Ask(k, Columns, Math.Min(KeyBlock, end), Width);
            CacheLines.Ask(v, Columns, Math.Min(KeyBlock, end), Width);
        }

        LoadQueries(Q + start, queries, q);
        if (Bias is not null)
            LoadGates(sample, head, first, queries, gate);
        new Span<float>(o, Lanes * Width).Clear();
        new Span<float>(sums, Lanes).Clear();
        new Span<float>(maxima, Lanes).Fill(float.MinValue);

        for (int key = 0; key < end; key += KeyBlock)
        {
            int keys = Math.Min(KeyBlock, end - key), next = key + KeyBlock, following = Math.Min(KeyBlock, end - next);
            RowsAhead ahead = default, valuesAhead = default, biasAhead = default;
            if (following <= 0)
            {
                ahead = new(Q + start + (long)queries * Columns, Columns, Lanes, Width, keys);
                valuesAhead = new(Y + start, Columns, queries, Width, Width);
            }
            else if (far)
            {
                ahead = new(k + (long)next * Columns, Columns, following, Width, keys);
                valuesAhead = new(v + (long)next * Columns, Columns, following, Width, Width);
            }

            if (Bias is not null)
            {
                biasAhead = following > 0
                    ? new(rows + next, Keys, queries, following, keys + Width)
                    : new(rows + (long)queries * Keys, Keys, Lanes, Math.Min(KeyBlock, Keys), keys + Width);
            }

            AttentionTiles.Scores(q, k + (long)key * Columns, Columns, keys, Width, s, lanes, Wide, ref ahead, ref biasAhead);
            if (Bias is not null)
                AttentionTiles.AddBias(s, rows + key, Keys, gate, queries, keys);
            if (Causal && key + keys - 1 > first)
                AttentionTiles.MaskLater(s, keys, first - key);
            AttentionTiles.SoftMax(s, keys, maxima, sums, alpha, lanes, Wide);
            AttentionTiles.Values(s, v + (long)key * Columns, Columns, keys, Width, alpha, o, lanes, Wide, ref valuesAhead, ref biasAhead);
        }

        StoreResult(o, sums, queries, Y + start);
    }

    // q[c][lane] = scale * query, in the unit of the scores; lanes without a query are zero.
    private readonly void LoadQueries(float* from, int queries, float* q)
    {
        if (queries < Lanes)
            new Span<float>(q, Lanes * Width).Clear();
        Transposition.Transpose(from, Columns, queries, Width, q, Lanes);
        TensorPrimitives.Multiply(new ReadOnlySpan<float>(q, Lanes * Width), Scale * AttentionTiles.ScoreUnit, new Span<float>(q, Lanes * Width));
    }

    private readonly void LoadGates(int sample, int head, int first, int queries, float* gate)
    {
        for (int lane = 0; lane < queries; lane++)
            gate[lane] = AttentionTiles.ScoreUnit * (Gate is null ? 1 : Gate[((long)sample * Queries + first + lane) * Heads + head]);
    }

    private readonly void StoreResult(float* o, float* sums, int queries, float* to)
    {
        AttentionTiles.Divide(o, sums, Width, AttentionTiles.LanesFor(queries, Wide));
        Transposition.Transpose(o, Lanes, Width, queries, to, Columns);
    }
}
