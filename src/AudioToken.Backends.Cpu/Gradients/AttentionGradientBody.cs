using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace AudioToken.Backends.Cpu;

/// <summary>The gradient of one attention head, a head (of one sample, or of all where they share a bias) a part; queries go in blocks, so that
/// the scores of a block are all that ever exists of them. Dao et al. 2022, algorithm 4.</summary>
/// <remarks>With P the shares of a row and dP = dy v^T: dS = P (dP - sum(P dP)), dv = P^T dy, dq = scale dS k, dk = scale dS^T q.</remarks>
internal unsafe struct AttentionGradientBody : IParallelBody
{
    /// <summary>Queries of a block.</summary>
    public const int BlockRows = 128;

    public WorkerPool Workers;
    public GemmEngine Engine;
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

    /// <summary>Number of parts.</summary>
    public readonly int Parts => Bias is null ? Samples * Heads : Heads;

    private readonly PackedShape ByKeys => new(1, Keys, Width, Engine.VectorWidth);      // x k^T, x v^T

    private readonly PackedShape OverKeys => new(1, Width, Keys, Engine.VectorWidth);    // dS k

    private readonly PackedShape OverQueries => new(1, Width, BlockRows, Engine.VectorWidth); // dS^T q, P^T dy

    /// <summary>Floats that one thread needs.</summary>
    public readonly long RoomFloats => 2 * ByKeys.Floats + OverKeys.Floats + OverQueries.Floats + 2L * BlockRows * Keys;

    public void Run(int index, int worker)
    {
        if (Bias is not null)
        {
            for (int sample = 0; sample < Samples; sample++)
                Differentiate(sample, index, worker);
        }
        else
        {
            Differentiate(index / Heads, index % Heads, worker);
        }
    }

    private readonly void Differentiate(int sample, int head, int worker)
    {
        long queries = (long)sample * Queries * Columns + head * Width, keys = (long)sample * Keys * Columns + head * Width;
        float* keyPanels = Room + worker * RoomFloats, valuePanels = keyPanels + ByKeys.Floats;
        float* overKeys = valuePanels + ByKeys.Floats, overQueries = overKeys + OverKeys.Floats;
        float* shares = overQueries + OverQueries.Floats, slopes = shares + (long)BlockRows * Keys;
        PackTransposed(K + keys, keyPanels);
        PackTransposed(V + keys, valuePanels);
        PackRows(K + keys, Keys, OverKeys, overKeys);
        for (int start = 0; start < Queries; start += BlockRows)
        {
            int rows = Math.Min(BlockRows, Queries - start);
            long at = queries + (long)start * Columns;
            Multiply(worker, new MatrixRows(Q + at, Columns, 0), rows, keyPanels, ByKeys, shares, Keys, Scale);
            Multiply(worker, new MatrixRows(Dy + at, Columns, 0), rows, valuePanels, ByKeys, slopes, Keys, 1);
            for (int row = 0; row < rows; row++)
                FinishRow(sample, head, start + row, shares + (long)row * Keys, slopes + (long)row * Keys);

            Multiply(worker, new MatrixRows(slopes, Keys, 0), rows, overKeys, OverKeys, Dq + at, Columns, Scale);
            PackedShape block = OverQueries with { Depth = rows };
            PackRows(Q + at, rows, block, overQueries);
            Multiply(worker, new TransposedRows(slopes, Keys), Keys, overQueries, block, Dk + keys, Columns, Scale, add: start > 0);
            PackRows(Dy + at, rows, block, overQueries);
            Multiply(worker, new TransposedRows(shares, Keys), Keys, overQueries, block, Dv + keys, Columns, 1, add: start > 0);
        }
    }

    // Scores of one query become shares, the gradients by the shares those by the scores.
    private readonly void FinishRow(int sample, int head, int query, float* shareRow, float* slopeRow)
    {
        int seen = Causal ? Math.Min(query + 1, Keys) : Keys;
        Span<float> shares = new(shareRow, seen), slopes = new(slopeRow, seen);
        new Span<float>(shareRow + seen, Keys - seen).Clear();
        new Span<float>(slopeRow + seen, Keys - seen).Clear();
        long gateAt = ((long)sample * Queries + query) * Heads + head, biasAt = ((long)head * Queries + query) * Keys;
        float gate = Gate is null ? 1 : Gate[gateAt];
        if (Bias is not null)
            TensorPrimitives.MultiplyAdd(new ReadOnlySpan<float>(Bias + biasAt, seen), gate, shares, shares);
        TensorPrimitives.Subtract(shares, TensorPrimitives.Max<float>(shares), shares);
        TensorPrimitives.Exp<float>(shares, shares);
        TensorPrimitives.Divide(shares, TensorPrimitives.Sum<float>(shares), shares);

        TensorPrimitives.Subtract(slopes, TensorPrimitives.Dot<float>(shares, slopes), slopes);
        TensorPrimitives.Multiply<float>(slopes, shares, slopes);
        if (DGate is not null)
            DGate[gateAt] = TensorPrimitives.Dot(slopes, new ReadOnlySpan<float>(Bias + biasAt, seen));
        if (DBias is not null)
            TensorPrimitives.MultiplyAdd(slopes, gate, new ReadOnlySpan<float>(DBias + biasAt, seen), new Span<float>(DBias + biasAt, seen));
    }

    private readonly void Multiply(int worker, MatrixRows a, int rows, float* b, PackedShape packed, float* y, int stride, float scale) =>
        Engine.Multiply(Workers, worker, Problem(rows, b, packed, y, stride, scale, add: false), a);

    private readonly void Multiply(int worker, TransposedRows a, int rows, float* b, PackedShape packed, float* y, int stride, float scale, bool add) =>
        Engine.Multiply(Workers, worker, Problem(rows, b, packed, y, stride, scale, add), a);

    private static GemmProblem Problem(int rows, float* b, PackedShape packed, float* y, int stride, float scale, bool add) => new()
    {
        Rows = rows,
        Weight = new RestingValues(b),
        Packed = packed,
        Output = y,
        OutputStride = stride,
        Epilogue = TileEpilogue.None with { Scale = scale, Residual = add ? y : null, ResidualScale = 1 },
    };

    // Columns are the keys.
    private readonly void PackTransposed(float* rows, float* panels)
    {
        PackedShape packed = ByKeys;
        for (int panel = 0; panel < packed.Panels; panel++)
        {
            int width = packed.Vectors(panel) * packed.VectorWidth, first = panel * packed.PanelWidth, columns = Math.Min(width, Keys - first);
            float* to = panels + packed.PanelOffset(panel);
            if (columns < width)
                new Span<float>(to, width * Width).Clear();
            Transposition.Transpose(rows + (long)first * Columns, Columns, columns, Width, to, width);
        }
    }

    // Depth is the rows.
    private readonly void PackRows(float* rows, int count, PackedShape packed, float* panels)
    {
        for (int panel = 0; panel < packed.Panels; panel++)
        {
            int width = packed.Vectors(panel) * packed.VectorWidth, first = panel * packed.PanelWidth, columns = Math.Min(width, Width - first);
            float* to = panels + packed.PanelOffset(panel), from = rows + first;
            for (int row = 0; row < count; row++, to += width, from += Columns)
            {
                new ReadOnlySpan<float>(from, columns).CopyTo(new Span<float>(to, width));
                new Span<float>(to + columns, width - columns).Clear();
            }
        }
    }
}
