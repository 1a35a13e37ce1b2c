using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace AudioToken.Backends.Cpu;

/// <summary>The gradient of one attention head, a head (of one sample, or of all where they share a bias) a part; queries go in blocks, so that
/// the scores of a block are all that ever exists of them. Dao et al. 2022, algorithm 4.</summary>
/// <remarks>
/// <para>With P the shares of a row and dP = dy v^T: dS = P (dP - sum(P dP)), dv = P^T dy, dq = scale dS k, dk = scale dS^T q.</para>
/// <para>Shares stay the powers of a row until their sum is known, and then too: dv^T = dy^T P has the factor on dy, the narrow side.</para>
/// <para>Scores come out of the micro-kernel as panels [keys of a panel][query][key], and dv^T = dy^T P and dk^T = q^T dS read them as they lie: only the
/// narrow sides, q and dy, are ever copied.</para>
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

    private readonly PackedShape Scores => new(1, Job.Keys, Job.BlockRows, TLanes.Count);                         // P, dS

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
        for (int start = 0; start < Job.Queries; start += Job.BlockRows)
        {
            int rows = Math.Min(Job.BlockRows, Job.Queries - start);
            CopyRows(Job.Q + queries + (long)start * columns, rows, Job.Scale * AttentionTiles.ScoreUnit, room.Queries);
            Multiply(room.Queries, rows, ByKeys, room.KeyPanels, room.Shares);
            CopyRows(Job.Dy + queries + (long)start * columns, rows, 1, room.Gradients);
            Multiply(room.Gradients, rows, ByKeys, room.ValuePanels, room.Slopes);
            for (int row = 0; row < rows; row++)
                FinishRow(sample, head, start + row, row, rows, room);

            // dq, of the slopes as rows.
            Multiply(room.SlopeRows, rows, OverKeys, room.OverKeys, room.Product);
            WriteRows(room.Product, rows, Job.Dq + queries + (long)start * columns);

            AddColumns(room.Queries, rows, room.Slopes, room.ByKey, start == 0);
            AddColumns(room.Gradients, rows, room.Shares, room.ByValue, start == 0);
        }

        WriteTransposed(room.ByKey, Job.Dk + keys, 1 / AttentionTiles.ScoreUnit);
        WriteTransposed(room.ByValue, Job.Dv + keys, 1);
    }

    // Scores of one query become powers, the gradients by the shares those by the scores; the latter also as a row.
    private readonly void FinishRow(int sample, int head, int query, int row, int rows, AttentionGradientRoom room)
    {
        int seen = Job.Causal ? Math.Min(query + 1, Job.Keys) : Job.Keys, whole = seen / TLanes.Count, vectors = (seen + TLanes.Count - 1) / TLanes.Count;
        long gateAt = ((long)sample * Job.Queries + query) * Job.Heads + head, biasAt = ((long)head * Job.Queries + query) * Job.Keys;
        float gate = Job.Gate is null ? 1 : Job.Gate[gateAt];
        ScoreRow shares = new(room.Shares, row, rows, Vectors), slopes = new(room.Slopes, row, rows, Vectors);
        if (whole < vectors)
        {
            // What lies beyond the last key that is seen has no share.
            int rest = seen - whole * TLanes.Count;
            new Span<float>(shares.At(whole) + rest, TLanes.Count - rest).Fill(float.MinValue);
            new Span<float>(slopes.At(whole) + rest, TLanes.Count - rest).Clear();
        }

        if (Job.Bias is not null)
            AddBias(shares, Job.Bias + biasAt, gate * AttentionTiles.ScoreUnit, seen);
        (float sum, float along) = Powers(shares, slopes, vectors, Highest(shares, vectors));
        float inverse = 1 / sum;
        for (int start = 0, chunk = 0; start < Job.Width; start += MaxDepth, chunk++)
        {
            Span<float> gradient = new(room.Gradients + ((long)chunk * AttentionGradientJob.MostRows + row) * Stride, Math.Min(MaxDepth, Job.Width - start));
            TensorPrimitives.Multiply(gradient, inverse, gradient);
        }

        float* slopeRow = room.SlopeRows + (long)row * Stride;
        Slopes(shares, slopes, vectors, inverse, along * inverse, slopeRow);
        for (int v = vectors; v < Vectors; v++)
        {
            TVector zero = TLanes.Create(0);
            TLanes.Store(zero, shares.At(v));
            TLanes.Store(zero, slopes.At(v));
            TLanes.Store(zero, OfRow(slopeRow, v));
        }

        for (int start = 0; start < seen; start += MaxDepth, slopeRow += AttentionGradientJob.MostRows * Stride)
        {
            ReadOnlySpan<float> own = new(slopeRow, Math.Min(MaxDepth, seen - start));
            if (Job.DGate is not null)
                Job.DGate[gateAt] = (start == 0 ? 0 : Job.DGate[gateAt]) + TensorPrimitives.Dot(own, new ReadOnlySpan<float>(Job.Bias + biasAt + start, own.Length));
            if (Job.DBias is null)
                continue;
            Span<float> byBias = new(Job.DBias + biasAt + start, own.Length);
            TensorPrimitives.MultiplyAdd(own, gate, byBias, byBias);
        }
    }

    // Vectors in a row of scores.
    private readonly int Vectors => (Job.Keys + TLanes.Count - 1) / TLanes.Count;

    // A vector of a row of the left side.
    private static float* OfRow(float* row, int vector)
    {
        (int chunk, int at) = Math.DivRem(vector * TLanes.Count, MaxDepth);
        return row + (long)chunk * AttentionGradientJob.MostRows * Stride + at;
    }

    private static void AddBias(ScoreRow scores, float* bias, float factor, int seen)
    {
        TVector factors = TLanes.Create(factor);
        int v = 0, c = 0;
        for (; c + TLanes.Count <= seen; v++, c += TLanes.Count)
        {
            float* at = scores.At(v);
            TLanes.Store(TLanes.MultiplyAdd(factors, TLanes.Load(bias + c), TLanes.Load(at)), at);
        }

        if (c == seen)
            return;
        Span<float> rest = new(scores.At(v), seen - c);
        TensorPrimitives.MultiplyAdd(new ReadOnlySpan<float>(bias + c, rest.Length), factor, rest, rest);
    }

    private static TVector Highest(ScoreRow scores, int vectors)
    {
        TVector even = TLanes.Create(float.MinValue), odd = even;
        float* at = scores.First;
        int v = 0;
        for (; v + 2 <= vectors; v += 2, at += scores.Step)
        {
            even = TLanes.Max(even, TLanes.Load(at));
            odd = TLanes.Max(odd, TLanes.Load(at + TLanes.Count));
        }

        if (v < vectors)
            even = TLanes.Max(even, TLanes.Load(scores.At(v)));
        return TLanes.Create(TLanes.Largest(TLanes.Max(even, odd)));
    }

    // Scores become powers of two relative to the highest; gives their sum and that of powers times slopes.
    private static (float Sum, float Along) Powers(ScoreRow scores, ScoreRow slopes, int vectors, TVector highest)
    {
        TVector even = TLanes.Create(0), odd = even, along = even;
        float* at = scores.First, slope = slopes.First;
        int v = 0;
        for (; v + 2 <= vectors; v += 2, at += scores.Step, slope += scores.Step)
        {
            TVector first = VectorMath.Exp2<TLanes, TVector>(TLanes.Subtract(TLanes.Load(at), highest));
            TVector second = VectorMath.Exp2<TLanes, TVector>(TLanes.Subtract(TLanes.Load(at + TLanes.Count), highest));
            TLanes.Store(first, at);
            TLanes.Store(second, at + TLanes.Count);
            even = TLanes.Add(even, first);
            odd = TLanes.Add(odd, second);
            along = TLanes.MultiplyAdd(second, TLanes.Load(slope + TLanes.Count), TLanes.MultiplyAdd(first, TLanes.Load(slope), along));
        }

        if (v < vectors)
        {
            TVector last = VectorMath.Exp2<TLanes, TVector>(TLanes.Subtract(TLanes.Load(scores.At(v)), highest));
            TLanes.Store(last, scores.At(v));
            even = TLanes.Add(even, last);
            along = TLanes.MultiplyAdd(last, TLanes.Load(slopes.At(v)), along);
        }

        return (TLanes.Sum(TLanes.Add(even, odd)), TLanes.Sum(along));
    }

    // Gradients by shares become those by scores, in place and as a row.
    private static void Slopes(ScoreRow powers, ScoreRow slopes, int vectors, float inverse, float along, float* row)
    {
        TVector factor = TLanes.Create(inverse), level = TLanes.Create(along);
        for (int start = 0; start < vectors; start += MaxDepth / TLanes.Count, row += AttentionGradientJob.MostRows * Stride)
        {
            int end = Math.Min(vectors, start + MaxDepth / TLanes.Count), v = start;
            float* power = powers.At(start), slope = slopes.At(start), to = row;
            for (; v + 2 <= end; v += 2, power += powers.Step, slope += powers.Step, to += 2 * TLanes.Count)
            {
                TVector first = TLanes.Multiply(TLanes.Multiply(TLanes.Load(power), factor), TLanes.Subtract(TLanes.Load(slope), level));
                TVector second = TLanes.Multiply(TLanes.Multiply(TLanes.Load(power + TLanes.Count), factor), TLanes.Subtract(TLanes.Load(slope + TLanes.Count), level));
                TLanes.Store(first, slope);
                TLanes.Store(second, slope + TLanes.Count);
                TLanes.Store(first, to);
                TLanes.Store(second, to + TLanes.Count);
            }

            if (v == end)
                continue;
            TVector last = TLanes.Multiply(TLanes.Multiply(TLanes.Load(powers.At(v)), factor), TLanes.Subtract(TLanes.Load(slopes.At(v)), level));
            TLanes.Store(last, slopes.At(v));
            TLanes.Store(last, to);
        }
    }

    // One query's row of scores in panels of two vectors, the last perhaps of one.
    private readonly struct ScoreRow(float* panels, int row, int rows, int vectors)
    {
        public readonly float* First = panels + (long)row * Math.Min(2, vectors) * TLanes.Count;
        public readonly long Step = 2L * rows * TLanes.Count; // from one panel to the next
        private readonly float* _single = panels + ((long)(vectors - 1) * rows + row) * TLanes.Count; // a last panel of one vector
        private readonly int _pairs = vectors / 2;

        public float* At(int vector) => vector < 2 * _pairs ? First + vector / 2 * Step + vector % 2 * TLanes.Count : _single;
    }

    // The left side lies in chunks of depth, [chunk][row][Stride]; the result as panels [panel][row][columns].
    private readonly void Multiply(float* a, int rows, PackedShape packed, float* b, float* result)
    {
        for (int panel = 0; panel < packed.Panels; panel++)
        {
            int vectors = packed.Vectors(panel), width = vectors * TLanes.Count;
            float* tile = result + (long)panel * packed.PanelWidth * rows;
            for (int start = 0, chunk = 0; start < packed.Depth; start += MaxDepth, chunk++)
            {
                int depth = Math.Min(MaxDepth, packed.Depth - start);
                float* left = a + (long)chunk * AttentionGradientJob.MostRows * Stride, right = b + packed.PanelOffset(panel) + (long)start * width;
                for (int r = 0; r < rows;)
                {
                    float* from = left + (long)r * Stride;
                    r += MicroKernel<TLanes, TVector>.Run(rows - r, Tallest, vectors, from, right, depth, tile + (long)r * width, start == 0, (byte*)from);
                }
            }
        }
    }

    // Sums over the queries of a block: a^T times scores, as panels [panel][column of a][keys of the panel].
    private readonly void AddColumns(float* a, int rows, float* scores, float* sums, bool first)
    {
        PackedShape packed = Scores;
        for (int panel = 0; panel < packed.Panels; panel++)
        {
            int vectors = packed.Vectors(panel);
            float* right = scores + (long)panel * packed.PanelWidth * rows, tile = sums + (long)panel * packed.PanelWidth * Job.Width, left = a;
            for (int start = 0; start < Job.Width; start += MaxDepth, left += AttentionGradientJob.MostRows * Stride)
            {
                int count = Math.Min(MaxDepth, Job.Width - start);
                ColumnKernel<TLanes, TVector>.Run(count, Tallest >= 14, vectors, left, Stride, right, vectors * TLanes.Count, rows, tile + (long)start * vectors * TLanes.Count, first);
            }
        }
    }

    private readonly void CopyRows(float* rows, int count, float factor, float* to)
    {
        for (int start = 0; start < Job.Width; start += MaxDepth, to += AttentionGradientJob.MostRows * Stride)
        {
            int depth = Math.Min(MaxDepth, Job.Width - start);
            for (int row = 0; row < count; row++)
                TensorPrimitives.Multiply(new ReadOnlySpan<float>(rows + (long)row * Job.Columns + start, depth), factor, new Span<float>(to + row * Stride, depth));
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
