using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace AudioToken.Backends.Cpu;

/// <summary>The gradient of one attention head, a head (of one sample, or of all where they share a bias) a part; queries go in blocks, so that
/// the scores of a block are all that ever exists of them. Dao et al. 2022, algorithm 4.</summary>
/// <remarks>
/// <para>With P the shares of a row and dP = dy v^T: dS = P (dP - sum(P dP)), dv = P^T dy, dq = scale dS k, dk = scale dS^T q.</para>
/// <para>A query is a lane, as in <see cref="AttentionTiles"/>: a tile of scores is [keys][lanes], so that no sum of a softmax crosses lanes. Scores and dq
/// are products of columns (k^T, v^T and k) with it or to it, dk and dv of its rows with q and dy.</para>
/// <para>Shares stay the powers of a row until their sum is known, and then too: dv has the factor on dy, the narrow side.</para>
/// </remarks>
internal unsafe struct AttentionGradientBody<TLanes, TVector> : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    // Whole chunks of keys whose scores stay in the first-level cache from one product or pass to the next.
    private const int RunKeys = 4 * AttentionGradientRoom.ChunkKeys;

    public AttentionGradientJob Job;
    public int Tallest;

    /// <summary>Floats that one thread needs.</summary>
    public readonly long RoomFloats => Room(null).Floats;

    public readonly void Run(int index, int worker)
    {
        AttentionGradientRoom room = Room(Job.Room + worker * RoomFloats);
        if (Job.Bias is null)
        {
            Differentiate(index / Job.Heads, index % Job.Heads, room);
            return;
        }

        LoadBias(index, room);
        for (int sample = 0; sample < Job.Samples; sample++)
            Differentiate(sample, index, room);
        StoreBias(index, room);
    }

    // Queries of a block.
    private static int Lanes => 2 * TLanes.Count;

    private readonly PackedShape Rows => new(1, Job.Width, 1, TLanes.Count);

    private readonly AttentionGradientRoom Room(float* start) => new(start, Job, Lanes, TLanes.Count);

    private static int Vectors(int queries) => queries <= TLanes.Count ? 1 : 2;

    private readonly void Differentiate(int sample, int head, AttentionGradientRoom room)
    {
        int columns = Job.Columns;
        long queries = (long)sample * Job.Queries * columns + head * Job.Width, keys = (long)sample * Job.Keys * columns + head * Job.Width;
        PackColumns(Job.K + keys, room.KeyColumns);
        PackColumns(Job.V + keys, room.ValueColumns);
        new Span<float>(room.ByKey, checked((int)Rows.Floats * Job.Keys)).Clear();
        new Span<float>(room.ByValue, checked((int)Rows.Floats * Job.Keys)).Clear();
        for (int first = 0; first < Job.Queries; first += Lanes)
        {
            int count = Math.Min(Lanes, Job.Queries - first), seen = Job.Causal ? Math.Min(first + count, Job.Keys) : Job.Keys;
            long at = queries + (long)first * columns, next = at + (long)Lanes * columns;
            CacheLines.Ask(Job.Q + next, columns, Math.Min(Lanes, Job.Queries - first - count), Job.Width);
            CacheLines.Ask(Job.Dy + next, columns, Math.Min(Lanes, Job.Queries - first - count), Job.Width);
            DifferentiateBlock(sample, head, first, count, seen, at, Job.K + keys, room);
        }

        StoreRows(room.ByKey, Job.Dk + keys);
        StoreRows(room.ByValue, Job.Dv + keys);
    }

    private readonly void DifferentiateBlock(int sample, int head, int first, int count, int seen, long at, float* k, AttentionGradientRoom room)
    {
        int vectors = Vectors(count), lanes = vectors * TLanes.Count, rows = AttentionGradientRoom.RowsFor(seen);
        AttentionLevels levels = new(room.Levels, Lanes);
        levels.Clear();
        LoadColumns(Job.Q + at, count, lanes, Job.Scale * AttentionTiles.ScoreUnit, room.Queries);
        LoadColumns(Job.Dy + at, count, lanes, 1, room.Gradients);
        float* bias = room.BiasColumns + (long)first * AttentionGradientRoom.RowsFor(Job.Keys), byBias = room.ByBias + (bias - room.BiasColumns);
        if (Job.Bias is not null)
            LoadGates(sample, head, first, count, levels.Gates);
        for (int key = 0; key < rows; key += RunKeys)
        {
            int run = Math.Min(RunKeys, rows - key);
            float* scores = room.Shares + (long)key * lanes;
            MultiplyChunks(room.KeyColumns + (long)key * Job.Width, run, vectors, room.Queries, scores);
            if (Job.Bias is not null)
                AttentionGradientTile<TLanes, TVector>.AddBias(scores, bias + (long)key * lanes, run, vectors, levels);
            Mask(scores, first - key, seen - key, run, lanes);
            AttentionGradientTile<TLanes, TVector>.Highest(scores, run, vectors, levels);
        }

        for (int key = 0; key < rows; key += RunKeys)
        {
            int run = Math.Min(RunKeys, rows - key);
            float* slopes = room.Slopes + (long)key * lanes;
            MultiplyChunks(room.ValueColumns + (long)key * Job.Width, run, vectors, room.Gradients, slopes);
            AttentionGradientTile<TLanes, TVector>.Powers(room.Shares + (long)key * lanes, slopes, run, vectors, levels);
        }

        AttentionGradientTile<TLanes, TVector>.Finish(vectors, levels);
        LoadRows(Job.Q + at, count, null, room.QueryRows);
        LoadRows(Job.Dy + at, count, levels.Sums, room.GradientRows);
        for (int key = 0; key < seen; key += RunKeys)
        {
            int run = Math.Min(RunKeys, rows - key), keys = Math.Min(RunKeys, seen - key);
            float* shares = room.Shares + (long)key * lanes, slopes = room.Slopes + (long)key * lanes;
            AttentionGradientTile<TLanes, TVector>.Slopes(shares, slopes, run, vectors, levels);
            if (Job.Bias is not null)
                AttentionGradientTile<TLanes, TVector>.AddBiasSlopes(slopes, bias + (long)key * lanes, byBias + (long)key * lanes, run, vectors, levels);
            MultiplyColumns(Job.Width, vectors, k + (long)key * Job.Columns, Job.Columns, slopes, keys, room.Product, key == 0);
            AddRows(slopes, key, keys, vectors, room.QueryRows, count, room.ByKey);
            AddRows(shares, key, keys, vectors, room.GradientRows, count, room.ByValue);
        }

        Span<float> product = new(room.Product, lanes * Job.Width);
        TensorPrimitives.Multiply(product, Job.Scale, product);
        Transposition.Transpose(room.Product, lanes, Job.Width, count, Job.Dq + at, Job.Columns);
        if (Job.DGate is not null)
            StoreGates(sample, head, first, count, levels.ByGate);
    }

    // tile [rows][lanes] = the keys' or values' columns, a chunk of keys at a time, times b [width][lanes].
    private readonly void MultiplyChunks(float* chunks, int rows, int vectors, float* b, float* tile)
    {
        const int Chunk = AttentionGradientRoom.ChunkKeys;
        for (; rows > 0; rows -= Chunk, chunks += Chunk * Job.Width, tile += Chunk * vectors * TLanes.Count)
            MultiplyColumns(Math.Min(Chunk, rows), vectors, chunks, Chunk, b, Job.Width, tile, first: true);
    }

    // Of what is left of the highest kernels, as many of the second as there are: the small ones leave sums waiting for one another.
    private readonly void MultiplyColumns(int rows, int vectors, float* a, long stride, float* b, int depth, float* tile, bool first)
    {
        for (int height; rows > 0; rows -= height, a += height, tile += height * vectors * TLanes.Count)
        {
            height = rows >= AttentionGradientRoom.ChunkKeys ? AttentionGradientRoom.ChunkKeys : rows >= 8 ? 8 : rows;
            ColumnKernel<TLanes, TVector>.Run(height, Tallest >= 14, vectors, a, stride, b, vectors * TLanes.Count, depth, tile, first);
        }
    }

    // sums, panels of [keys][columns], += tile [keys][lanes] times panels of [lanes][columns].
    private readonly void AddRows(float* tile, int key, int keys, int vectors, float* panels, int depth, float* sums)
    {
        PackedShape shape = Rows;
        for (int panel = 0; panel < shape.Panels; panel++)
        {
            int side = shape.Vectors(panel), width = side * TLanes.Count, done;
            float* b = panels + shape.PanelOffset(panel) * Lanes, to = sums + shape.PanelOffset(panel) * Job.Keys + (long)key * width, a = tile;
            for (int left = keys; left > 0; left -= done, to += done * width)
            {
                if (vectors == 2)
                {
                    done = MicroKernel<TLanes, TVector>.Run<PairRows<TLanes, TVector>>(left, Tallest, side, a, b, depth, to, first: false, (byte*)a);
                    a += done * 2 * TLanes.Count;
                }
                else
                {
                    done = MicroKernel<TLanes, TVector>.Run<SingleRows<TLanes, TVector>>(left, Tallest, side, a, b, depth, to, first: false, (byte*)a);
                    a += done * TLanes.Count;
                }
            }
        }
    }

    // Beyond the last key nothing is seen, and of a causal attention no key after the query. Lanes without a query see all; their gradients are zero.
    private readonly void Mask(float* scores, int first, int seen, int keys, int lanes)
    {
        for (int key = Job.Causal ? Math.Max(first + 1, 0) : seen; key < keys; key++)
            new Span<float>(scores + (long)key * lanes, key >= seen ? lanes : Math.Min(key - first, lanes)).Fill(float.MinValue);
    }

    // to[c][lane]; lanes without a query are zero.
    private readonly void LoadColumns(float* rows, int count, int lanes, float factor, float* to)
    {
        Span<float> all = new(to, lanes * Job.Width);
        if (count < lanes)
            all.Clear();
        Transposition.Transpose(rows, Job.Columns, count, Job.Width, to, lanes);
        if (factor != 1)
            TensorPrimitives.Multiply(all, factor, all);
    }

    // Rows cut into panels, times factors or the scale.
    private readonly void LoadRows(float* rows, int count, float* factors, float* panels)
    {
        PackedShape shape = Rows;
        for (int panel = 0; panel < shape.Panels; panel++)
        {
            int first = panel * shape.PanelWidth, width = shape.Vectors(panel) * TLanes.Count, columns = Math.Min(width, Job.Width - first);
            float* to = panels + shape.PanelOffset(panel) * Lanes, from = rows + first;
            if (columns < width)
                new Span<float>(to, width * count).Clear();
            for (int row = 0; row < count; row++, to += width, from += Job.Columns)
                Scale(from, factors is null ? Job.Scale : factors[row], columns, to);
        }
    }

    private static void Scale(float* from, float factor, int columns, float* to)
    {
        TVector factors = TLanes.Create(factor);
        int c = 0;
        for (; c + TLanes.Count <= columns; c += TLanes.Count)
            TLanes.Store(TLanes.Multiply(factors, TLanes.Load(from + c)), to + c);
        for (; c < columns; c++)
            to[c] = factor * from[c];
    }

    private readonly void StoreRows(float* panels, float* rows)
    {
        PackedShape shape = Rows;
        for (int panel = 0; panel < shape.Panels; panel++)
        {
            int first = panel * shape.PanelWidth, width = shape.Vectors(panel) * TLanes.Count, columns = Math.Min(width, Job.Width - first);
            float* from = panels + shape.PanelOffset(panel) * Job.Keys, to = rows + first;
            for (int row = 0; row < Job.Keys; row++, from += width, to += Job.Columns)
                Scale(from, 1, columns, to);
        }
    }

    // [chunk][width][keys of the chunk]; beyond the last key zeros.
    private readonly void PackColumns(float* rows, float* chunks)
    {
        const int Chunk = AttentionGradientRoom.ChunkKeys;
        for (int key = 0; key < Job.Keys; key += Chunk, chunks += Chunk * Job.Width)
        {
            int count = Math.Min(Chunk, Job.Keys - key);
            CacheLines.Ask(rows + (long)(key + Chunk) * Job.Columns, Job.Columns, Math.Min(Chunk, Job.Keys - key - count), Job.Width);
            if (count < Chunk)
                new Span<float>(chunks, Chunk * Job.Width).Clear();
            Transposition.Transpose(rows + (long)key * Job.Columns, Job.Columns, count, Job.Width, chunks, Chunk);
        }
    }

    private readonly void LoadBias(int head, AttentionGradientRoom room)
    {
        int rows = AttentionGradientRoom.RowsFor(Job.Keys), all = checked((Job.Queries + TLanes.Count - 1) / TLanes.Count * TLanes.Count * rows);
        new Span<float>(room.BiasColumns, all).Clear();
        new Span<float>(room.ByBias, all).Clear();
        for (int first = 0; first < Job.Queries; first += Lanes)
        {
            int count = Math.Min(Lanes, Job.Queries - first);
            float* from = Job.Bias + ((long)head * Job.Queries + first) * Job.Keys;
            Transposition.Transpose(from, Job.Keys, count, Job.Keys, room.BiasColumns + (long)first * rows, Vectors(count) * TLanes.Count);
        }
    }

    private readonly void StoreBias(int head, AttentionGradientRoom room)
    {
        int rows = AttentionGradientRoom.RowsFor(Job.Keys);
        for (int first = 0; first < Job.Queries; first += Lanes)
        {
            int count = Math.Min(Lanes, Job.Queries - first);
            float* to = Job.DBias + ((long)head * Job.Queries + first) * Job.Keys;
            Transposition.Transpose(room.ByBias + (long)first * rows, Vectors(count) * TLanes.Count, Job.Keys, count, to, Job.Keys);
        }
    }

    private readonly void LoadGates(int sample, int head, int first, int count, float* gates)
    {
        for (int lane = 0; lane < count; lane++)
            gates[lane] = Job.Gate is null ? 1 : Job.Gate[((long)sample * Job.Queries + first + lane) * Job.Heads + head];
    }

    private readonly void StoreGates(int sample, int head, int first, int count, float* gates)
    {
        for (int lane = 0; lane < count; lane++)
            Job.DGate[((long)sample * Job.Queries + first + lane) * Job.Heads + head] = gates[lane];
    }
}

/// <summary>Rows of two vectors.</summary>
internal readonly struct PairRows<TLanes, TVector> : IRowDistance
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    /// <inheritdoc/>
    public static int Floats => 2 * TLanes.Count;
}

/// <summary>Rows of one vector.</summary>
internal readonly struct SingleRows<TLanes, TVector> : IRowDistance
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    /// <inheritdoc/>
    public static int Floats => TLanes.Count;
}
