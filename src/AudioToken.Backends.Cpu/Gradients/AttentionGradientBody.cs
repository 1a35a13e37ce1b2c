using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace AudioToken.Backends.Cpu;

/// <summary>The gradient of one attention head, a head (of one sample, or of all where they share a bias) a part; queries go in blocks, so that
/// the scores of a block are all that ever exists of them. Dao et al. 2022, algorithm 4.</summary>
/// <remarks>
/// <para>With P the shares of a row and dP = dy v^T: dS = P (dP - sum(P dP)), dv = P^T dy, dq = scale dS k, dk = scale dS^T q.</para>
/// <para>Scores come out of the micro-kernel as panels [keys of a panel][query][key], and dv^T = dy^T P and dk^T = q^T dS read them as they lie: only the
/// narrow sides, q and dy, are ever turned round.</para>
/// </remarks>
internal unsafe struct AttentionGradientBody<TLanes, TVector> : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private const int Stride = MicroKernel<TLanes, TVector>.Stride, MaxDepth = MicroKernel<TLanes, TVector>.MaxDepth;

    public AttentionGradientJob Job;
    public int Tallest;

    /// <summary>Floats that one thread needs.</summary>
    public readonly long RoomFloats => Room(null).Floats;

    public readonly void Run(int index, int worker)
    {
        AttentionGradientRoom room = Room(Job.Room + worker * RoomFloats);
        if (Job.Bias is not null)
        {
            for (int sample = 0; sample < Job.Samples; sample++)
                Differentiate(sample, index, room);
        }
        else
        {
            Differentiate(index / Job.Heads, index % Job.Heads, room);
        }
    }

    private readonly PackedShape ByKeys => new(1, Job.Keys, Job.Width, TLanes.Count);                             // q k^T, dy v^T

    private readonly PackedShape Scores => new(1, Job.Keys, AttentionGradientJob.BlockRows, TLanes.Count);        // P, dS

    private readonly PackedShape OverKeys => new(1, Job.Width, Job.Keys, TLanes.Count);                           // dS k

    private readonly AttentionGradientRoom Room(float* start) => new(start, ByKeys, Scores, OverKeys, Stride, Chunks(Job.Keys), Chunks(Job.Width));

    private static int Chunks(int depth) => (depth + MaxDepth - 1) / MaxDepth;

    private readonly void Differentiate(int sample, int head, AttentionGradientRoom room)
    {
        int columns = Job.Columns, width = Job.Width;
        long queries = (long)sample * Job.Queries * columns + head * width, keys = (long)sample * Job.Keys * columns + head * width;
        PackTransposed(Job.K + keys, room.KeyPanels);
        PackTransposed(Job.V + keys, room.ValuePanels);
        PackRows(Job.K + keys, room.OverKeys);
        for (int start = 0; start < Job.Queries; start += AttentionGradientJob.BlockRows)
        {
            int rows = Math.Min(AttentionGradientJob.BlockRows, Job.Queries - start);
            float* q = Job.Q + queries + (long)start * columns, dy = Job.Dy + queries + (long)start * columns;
            CopyRows(q, rows, room.Left);
            Multiply(room.Left, rows, ByKeys, room.KeyPanels, room.Shares, rows, first: true);
            CopyRows(dy, rows, room.Left);
            Multiply(room.Left, rows, ByKeys, room.ValuePanels, room.Slopes, rows, first: true);
            for (int row = 0; row < rows; row++)
                FinishRow(sample, head, start + row, row, rows, room);

            // dq, of the slopes as rows.
            Multiply(room.SlopeRows, rows, OverKeys, room.OverKeys, room.Product, rows, first: true);
            WriteRows(room.Product, rows, Job.Dq + queries + (long)start * columns);

            Transposition.Transpose(q, columns, rows, width, room.Left, Stride);
            Multiply(room.Left, width, Scores with { Depth = rows }, room.Slopes, room.ByKey, width, first: start == 0);
            Transposition.Transpose(dy, columns, rows, width, room.Left, Stride);
            Multiply(room.Left, width, Scores with { Depth = rows }, room.Shares, room.ByValue, width, first: start == 0);
        }

        WriteTransposed(room.ByKey, Job.Dk + keys, Job.Scale);
        WriteTransposed(room.ByValue, Job.Dv + keys, 1);
    }

    // Scores of one query become shares, the gradients by the shares those by the scores; the latter also as a row.
    private readonly void FinishRow(int sample, int head, int query, int row, int rows, AttentionGradientRoom room)
    {
        int keys = Job.Keys, seen = Job.Causal ? Math.Min(query + 1, keys) : keys, padded = (seen + TLanes.Count - 1) / TLanes.Count * TLanes.Count;
        float* shares = room.ShareRow, slopes = room.SlopeRow;
        long gateAt = ((long)sample * Job.Queries + query) * Job.Heads + head, biasAt = ((long)head * Job.Queries + query) * keys;
        float gate = Job.Gate is null ? 1 : Job.Gate[gateAt];
        float* bias = Job.Bias is null ? null : Job.Bias + biasAt;
        Gather(room.Shares, row, rows, shares);
        Gather(room.Slopes, row, rows, slopes);
        TensorPrimitives.Multiply(new ReadOnlySpan<float>(shares, padded), Job.Scale, new Span<float>(shares, padded));
        if (bias is not null)
            TensorPrimitives.MultiplyAdd(new ReadOnlySpan<float>(bias, seen), gate, new ReadOnlySpan<float>(shares, seen), new Span<float>(shares, seen));

        // What lies beyond the last key that is seen has no share.
        new Span<float>(shares + seen, padded - seen).Fill(float.MinValue);
        new Span<float>(slopes + seen, padded - seen).Clear();
        TVector along = Share(shares, slopes, padded, TensorPrimitives.Max(new ReadOnlySpan<float>(shares, seen)));
        for (int c = 0; c < padded; c += TLanes.Count)
            TLanes.Store(TLanes.Multiply(TLanes.Load(shares + c), TLanes.Subtract(TLanes.Load(slopes + c), along)), slopes + c);
        if (Job.DGate is not null)
            Job.DGate[gateAt] = TensorPrimitives.Dot(new ReadOnlySpan<float>(slopes, seen), new ReadOnlySpan<float>(bias, seen));
        if (Job.DBias is not null)
        {
            Span<float> sum = new(Job.DBias + biasAt, seen);
            TensorPrimitives.MultiplyAdd(new ReadOnlySpan<float>(slopes, seen), gate, sum, sum);
        }

        int rest = Scores.Panels * Scores.PanelWidth - padded;
        new Span<float>(shares + padded, rest).Clear();
        new Span<float>(slopes + padded, rest).Clear();
        Scatter(shares, row, rows, room.Shares);
        Scatter(slopes, row, rows, room.Slopes);
        for (int start = 0, chunk = 0; start < keys; start += MaxDepth, chunk++)
        {
            int count = Math.Min(MaxDepth, keys - start);
            float* to = room.SlopeRows + ((long)chunk * AttentionGradientJob.BlockRows + row) * Stride;
            new ReadOnlySpan<float>(slopes + start, count).CopyTo(new Span<float>(to, count));
        }
    }

    // Scores become shares in place; gives the sum of shares times slopes in each lane.
    private static TVector Share(float* shares, float* slopes, int count, float most)
    {
        TVector highest = TLanes.Create(most), total = TLanes.Create(0), products = total;
        for (int c = 0; c < count; c += TLanes.Count)
        {
            TVector power = VectorMath.Exp<TLanes, TVector>(TLanes.Subtract(TLanes.Load(shares + c), highest));
            total = TLanes.Add(total, power);
            products = TLanes.MultiplyAdd(power, TLanes.Load(slopes + c), products);
            TLanes.Store(power, shares + c);
        }

        float inverse = 1 / Across(total);
        TVector factor = TLanes.Create(inverse);
        for (int c = 0; c < count; c += TLanes.Count)
            TLanes.Store(TLanes.Multiply(TLanes.Load(shares + c), factor), shares + c);
        return TLanes.Create(Across(products) * inverse);
    }

    private static float Across(TVector lanes)
    {
        float* values = stackalloc float[TLanes.Count];
        TLanes.Store(lanes, values);
        return TensorPrimitives.Sum(new ReadOnlySpan<float>(values, TLanes.Count));
    }

    // The left side lies in chunks of depth, [chunk][row][Stride]; the result as panels [panel][height][columns].
    private readonly void Multiply(float* a, int rows, PackedShape packed, float* b, float* result, int height, bool first)
    {
        for (int panel = 0; panel < packed.Panels; panel++)
        {
            int vectors = packed.Vectors(panel), width = vectors * TLanes.Count;
            float* tile = result + (long)panel * packed.PanelWidth * height;
            for (int start = 0, chunk = 0; start < packed.Depth; start += MaxDepth, chunk++)
            {
                int depth = Math.Min(MaxDepth, packed.Depth - start);
                float* left = a + (long)chunk * AttentionGradientJob.BlockRows * Stride, right = b + packed.PanelOffset(panel) + (long)start * width;
                for (int r = 0; r < rows;)
                {
                    float* from = left + (long)r * Stride;
                    r += MicroKernel<TLanes, TVector>.Run(rows - r, Tallest, vectors, from, right, depth, tile + (long)r * width, first && start == 0, (byte*)from);
                }
            }
        }
    }

    private readonly void Gather(float* panels, int row, int rows, float* to)
    {
        PackedShape packed = Scores;
        for (int panel = 0; panel < packed.Panels; panel++)
        {
            int vectors = packed.Vectors(panel);
            float* from = panels + ((long)panel * packed.PanelWidth * rows) + (long)row * vectors * TLanes.Count;
            for (int v = 0; v < vectors; v++, to += TLanes.Count)
                TLanes.Store(TLanes.Load(from + v * TLanes.Count), to);
        }
    }

    private readonly void Scatter(float* from, int row, int rows, float* panels)
    {
        PackedShape packed = Scores;
        for (int panel = 0; panel < packed.Panels; panel++)
        {
            int vectors = packed.Vectors(panel);
            float* to = panels + ((long)panel * packed.PanelWidth * rows) + (long)row * vectors * TLanes.Count;
            for (int v = 0; v < vectors; v++, from += TLanes.Count)
                TLanes.Store(TLanes.Load(from), to + v * TLanes.Count);
        }
    }

    private readonly void CopyRows(float* rows, int count, float* to)
    {
        for (int start = 0; start < Job.Width; start += MaxDepth, to += AttentionGradientJob.BlockRows * Stride)
        {
            int depth = Math.Min(MaxDepth, Job.Width - start);
            for (int row = 0; row < count; row++)
                new ReadOnlySpan<float>(rows + (long)row * Job.Columns + start, depth).CopyTo(new Span<float>(to + row * Stride, depth));
        }
    }

    private readonly void WriteRows(float* panels, int rows, float* to)
    {
        PackedShape packed = OverKeys;
        for (int panel = 0; panel < packed.Panels; panel++)
        {
            int first = panel * packed.PanelWidth, width = packed.Vectors(panel) * TLanes.Count, columns = Math.Min(width, Job.Width - first);
            float* from = panels + (long)first * rows;
            for (int row = 0; row < rows; row++)
                TensorPrimitives.Multiply(new ReadOnlySpan<float>(from + (long)row * width, columns), Job.Scale, new Span<float>(to + (long)row * Job.Columns + first, columns));
        }
    }

    private readonly void WriteTransposed(float* panels, float* to, float scale)
    {
        PackedShape packed = Scores;
        for (int panel = 0; panel < packed.Panels; panel++)
        {
            int first = panel * packed.PanelWidth, width = packed.Vectors(panel) * TLanes.Count, columns = Math.Min(width, Job.Keys - first);
            Span<float> own = new(panels + (long)first * Job.Width, width * Job.Width);
            if (scale != 1)
                TensorPrimitives.Multiply(own, scale, own);
            Transposition.Transpose(panels + (long)first * Job.Width, width, Job.Width, columns, to + (long)first * Job.Columns, Job.Columns);
        }
    }

    // Columns are the keys.
    private readonly void PackTransposed(float* rows, float* panels)
    {
        PackedShape packed = ByKeys;
        for (int panel = 0; panel < packed.Panels; panel++)
        {
            int width = packed.Vectors(panel) * TLanes.Count, first = panel * packed.PanelWidth, columns = Math.Min(width, Job.Keys - first);
            float* to = panels + packed.PanelOffset(panel);
            if (columns < width)
                new Span<float>(to, width * Job.Width).Clear();
            Transposition.Transpose(rows + (long)first * Job.Columns, Job.Columns, columns, Job.Width, to, width);
        }
    }

    // Depth is the keys.
    private readonly void PackRows(float* rows, float* panels)
    {
        PackedShape packed = OverKeys;
        for (int panel = 0; panel < packed.Panels; panel++)
        {
            int width = packed.Vectors(panel) * TLanes.Count, first = panel * packed.PanelWidth, columns = Math.Min(width, Job.Width - first);
            float* to = panels + packed.PanelOffset(panel), from = rows + first;
            for (int row = 0; row < Job.Keys; row++, to += width, from += Job.Columns)
            {
                new ReadOnlySpan<float>(from, columns).CopyTo(new Span<float>(to, width));
                new Span<float>(to + columns, width - columns).Clear();
            }
        }
    }
}
