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
    // Keys whose slopes stay in the first-level cache while all columns of dq pass by.
    private const int KeyRun = 256;

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
            DifferentiateBlock(sample, head, first, count, seen, queries + (long)first * columns, Job.K + keys, room);
        }

        StoreRows(room.ByKey, Job.Dk + keys);
        StoreRows(room.ByValue, Job.Dv + keys);
    }

    private readonly void DifferentiateBlock(int sample, int head, int first, int count, int seen, long at, float* k, AttentionGradientRoom room)
    {
        int vectors = Vectors(count), lanes = vectors * TLanes.Count, rows = AttentionGradientRoom.RowsFor(seen);
        AttentionLevels levels = new(room.Levels, Lanes);
        LoadColumns(Job.Q + at, count, lanes, room.Queries);
        Span<float> scaled = new(room.Queries, lanes * Job.Width);
        TensorPrimitives.Multiply(scaled, Job.Scale * AttentionTiles.ScoreUnit, scaled);
        LoadColumns(Job.Dy + at, count, lanes, room.Gradients);
        MultiplyChunks(room.KeyColumns, rows, vectors, room.Queries, room.Shares);
        MultiplyChunks(room.ValueColumns, rows, vectors, room.Gradients, room.Slopes);
        float* bias = room.BiasColumns + (long)first * AttentionGradientRoom.RowsFor(Job.Keys), byBias = room.ByBias + (bias - room.BiasColumns);
        if (Job.Bias is not null)
        {
            LoadGates(sample, head, first, count, levels.Gates);
            AttentionGradientTile<TLanes, TVector>.AddBias(room.Shares, bias, rows, vectors, levels);
        }

        new Span<float>(room.Shares + (long)seen * lanes, (rows - seen) * lanes).Fill(float.MinValue);
        if (Job.Causal)
            MaskLater(room.Shares, first, seen, lanes);
        AttentionGradientTile<TLanes, TVector>.Highest(room.Shares, rows, vectors, levels.Highest);
        AttentionGradientTile<TLanes, TVector>.Powers(room.Shares, room.Slopes, rows, vectors, levels);
        AttentionGradientTile<TLanes, TVector>.Slopes(room.Shares, room.Slopes, rows, vectors, levels);
        if (Job.Bias is not null)
        {
            AttentionGradientTile<TLanes, TVector>.AddBiasSlopes(room.Slopes, bias, byBias, rows, vectors, levels);
            StoreGates(sample, head, first, count, levels.ByGate);
        }

        for (int key = 0; key < seen; key += KeyRun)
        {
            MultiplyColumns(
                Job.Width, vectors, k + (long)key * Job.Columns, Job.Columns, room.Slopes + (long)key * lanes, Math.Min(KeyRun, seen - key), room.Product, key == 0);
        }

        Span<float> product = new(room.Product, lanes * Job.Width);
        TensorPrimitives.Multiply(product, Job.Scale, product);
        Transposition.Transpose(room.Product, lanes, Job.Width, count, Job.Dq + at, Job.Columns);

        LoadRows(Job.Q + at, count, null, Job.Scale, room.QueryRows);
        LoadRows(Job.Dy + at, count, levels.Inverses, 1, room.GradientRows);
        AddRows(room.Slopes, seen, vectors, room.QueryRows, count, room.ByKey);
        AddRows(room.Shares, seen, vectors, room.GradientRows, count, room.ByValue);
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
    private readonly void AddRows(float* tile, int keys, int vectors, float* panels, int depth, float* sums)
    {
        PackedShape shape = Rows;
        for (int panel = 0; panel < shape.Panels; panel++)
        {
            int side = shape.Vectors(panel), width = side * TLanes.Count, done;
            float* b = panels + shape.PanelOffset(panel) * Lanes, to = sums + shape.PanelOffset(panel) * Job.Keys, a = tile;
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

    // Lanes without a query see all keys; their gradients are zero.
    private static void MaskLater(float* scores, int first, int keys, int lanes)
    {
        for (int key = first + 1; key < keys; key++)
            new Span<float>(scores + (long)key * lanes, Math.Min(key - first, lanes)).Fill(float.MinValue);
    }

    // to[c][lane]; lanes without a query are zero.
    private readonly void LoadColumns(float* rows, int count, int lanes, float* to)
    {
        if (count < lanes)
            new Span<float>(to, lanes * Job.Width).Clear();
        Transposition.Transpose(rows, Job.Columns, count, Job.Width, to, lanes);
    }

    // Rows times factors, cut into panels.
    private readonly void LoadRows(float* rows, int count, float* factors, float factor, float* panels)
    {
        PackedShape shape = Rows;
        for (int panel = 0; panel < shape.Panels; panel++)
        {
            int first = panel * shape.PanelWidth, width = shape.Vectors(panel) * TLanes.Count, columns = Math.Min(width, Job.Width - first);
            float* to = panels + shape.PanelOffset(panel) * Lanes, from = rows + first;
            for (int row = 0; row < count; row++, to += width, from += Job.Columns)
            {
                TensorPrimitives.Multiply(new ReadOnlySpan<float>(from, columns), factors is null ? factor : factors[row], new Span<float>(to, width));
                new Span<float>(to + columns, width - columns).Clear();
            }
        }
    }

    private readonly void StoreRows(float* panels, float* rows)
    {
        PackedShape shape = Rows;
        for (int panel = 0; panel < shape.Panels; panel++)
        {
            int first = panel * shape.PanelWidth, width = shape.Vectors(panel) * TLanes.Count, columns = Math.Min(width, Job.Width - first);
            float* from = panels + shape.PanelOffset(panel) * Job.Keys, to = rows + first;
            for (int row = 0; row < Job.Keys; row++, from += width, to += Job.Columns)
                new ReadOnlySpan<float>(from, columns).CopyTo(new Span<float>(to, columns));
        }
    }

    // [chunk][width][keys of the chunk]; beyond the last key zeros.
    private readonly void PackColumns(float* rows, float* chunks)
    {
        const int Chunk = AttentionGradientRoom.ChunkKeys;
        for (int key = 0; key < Job.Keys; key += Chunk, chunks += Chunk * Job.Width)
        {
            int count = Math.Min(Chunk, Job.Keys - key);
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

    // Lanes without a query have gate 0.
    private readonly void LoadGates(int sample, int head, int first, int count, float* gates)
    {
        new Span<float>(gates, Lanes).Clear();
        for (int lane = 0; lane < count; lane++)
            gates[lane] = Job.Gate is null ? 1 : Job.Gate[((long)sample * Job.Queries + first + lane) * Job.Heads + head];
    }

    private readonly void StoreGates(int sample, int head, int first, int count, float* gates)
    {
        if (Job.DGate is null)
            return;
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
