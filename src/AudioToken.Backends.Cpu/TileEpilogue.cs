using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>An <see cref="Epilogue"/> with its operands as addresses, applied to sums while they are in the cache.</summary>
internal unsafe struct TileEpilogue
{
    /// <summary>The sums as they are.</summary>
    public static TileEpilogue None => new() { Scale = 1 };

    /// <summary>One value a column, or null.</summary>
    public float* Bias;

    /// <summary>One row of values a sample, or null.</summary>
    public float* Shift;

    /// <summary>Floats from one sample's shift to the next; 0 where all samples share one.</summary>
    public long ShiftStride;

    /// <summary>Rows of the product that belong to one sample.</summary>
    public long RowsPerSample;

    /// <summary>Laid out as the result, or null.</summary>
    public float* Residual;

    /// <summary>The pointwise function.</summary>
    public Activation Activation;

    /// <summary>Factor of the activated sum.</summary>
    public float Scale;

    /// <summary>Factor of the residual.</summary>
    public float ResidualScale;

    /// <summary>Columns between a value and its gate in the sums (GEGLU).</summary>
    public int GateDistance;

    /// <summary>Finishes consecutive columns of consecutive rows.</summary>
    /// <param name="row">First row of the product.</param>
    /// <param name="rows">How many.</param>
    /// <param name="column">First column of bias, shift and result.</param>
    /// <param name="columns">How many.</param>
    /// <param name="sums">The sums.</param>
    /// <param name="gates">The sums of the gates, or null.</param>
    /// <param name="width">Floats from one row of the sums to the next.</param>
    /// <param name="output">First element of the result.</param>
    /// <param name="stride">Floats from one row of the result to the next.</param>
    public readonly void FinishRows<TLanes, TVector>(
        long row, int rows, int column, int columns, float* sums, float* gates, int width, float* output, long stride)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        if (gates is null && Shift is null && Activation == Activation.None && Scale == 1 && columns % TLanes.Count == 0)
        {
            AddRows<TLanes, TVector>(rows, columns, sums, width, Bias is null ? null : Bias + column, Residual is null ? null : Residual + row * stride + column, output + row * stride + column, stride);
            return;
        }

        for (int r = 0; r < rows; r++, sums += width, gates = gates is null ? null : gates + width)
            FinishRow<TLanes, TVector>(row + r, column, columns, sums, gates, output, stride);
    }

    // The plainest and most frequent of all, where a short sum of products leaves little time for its end. Locals: a store might change a field.
    private readonly void AddRows<TLanes, TVector>(int rows, int columns, float* sums, int width, float* bias, float* residual, float* output, long stride)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        TVector factor = TLanes.Create(ResidualScale);
        for (int r = 0; r < rows; r++, sums += width, output += stride)
        {
            for (int c = 0; c < columns; c += TLanes.Count)
            {
                TVector x = TLanes.Load(sums + c);
                if (bias is not null)
                    x = TLanes.Add(x, TLanes.Load(bias + c));
                if (residual is not null)
                    x = TLanes.MultiplyAdd(factor, TLanes.Load(residual + c), x);
                TLanes.Store(x, output + c);
            }

            residual = residual is null ? null : residual + stride;
        }
    }

    /// <summary>Finishes consecutive columns of one row.</summary>
    /// <param name="row">Row of the product.</param>
    /// <param name="column">First column of bias, shift and result.</param>
    /// <param name="columns">How many.</param>
    /// <param name="sums">The sums.</param>
    /// <param name="gates">The sums of the gates, or null.</param>
    /// <param name="output">First element of the result.</param>
    /// <param name="stride">Floats from one row of the result to the next.</param>
    public readonly void FinishRow<TLanes, TVector>(
        long row, int column, int columns, float* sums, float* gates, float* output, long stride)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        long at = row * stride + column;
        float* bias = Bias is null ? null : Bias + column;
        float* shift = Shift is null ? null : Shift + row / RowsPerSample * ShiftStride + column;
        float* residual = Residual is null ? null : Residual + at;
        int whole = columns / TLanes.Count * TLanes.Count;
        if (gates is null)
        {
            Plain<TLanes, TVector>(0, whole, sums, bias, shift, residual, output + at);
            Plain<Lanes1, float>(whole, columns, sums, bias, shift, residual, output + at);
        }
        else
        {
            Gated<TLanes, TVector>(0, whole, sums, gates, bias, shift, residual, output + at);
            Gated<Lanes1, float>(whole, columns, sums, gates, bias, shift, residual, output + at);
        }
    }

    private readonly void Plain<TLanes, TVector>(int from, int to, float* sums, float* bias, float* shift, float* residual, float* output)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        for (int c = from; c < to; c += TLanes.Count)
        {
            TVector x = Shifted<TLanes, TVector>(sums, bias, shift, c);
            x = VectorMath.Apply<TLanes, TVector>(x, Activation);
            TLanes.Store(Added<TLanes, TVector>(x, residual, c), output + c);
        }
    }

    private readonly void Gated<TLanes, TVector>(
        int from, int to, float* sums, float* gates, float* bias, float* shift, float* residual, float* output)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        float* gateBias = bias is null ? null : bias + GateDistance;
        float* gateShift = shift is null ? null : shift + GateDistance;
        for (int c = from; c < to; c += TLanes.Count)
        {
            TVector value = Shifted<TLanes, TVector>(sums, bias, shift, c);
            TVector gate = Shifted<TLanes, TVector>(gates, gateBias, gateShift, c);
            TVector x = TLanes.Multiply(value, VectorMath.Gelu<TLanes, TVector>(gate));
            TLanes.Store(Added<TLanes, TVector>(x, residual, c), output + c);
        }
    }

    private static TVector Shifted<TLanes, TVector>(float* sums, float* bias, float* shift, int c)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        TVector x = TLanes.Load(sums + c);
        if (bias is not null)
            x = TLanes.Add(x, TLanes.Load(bias + c));
        if (shift is not null)
            x = TLanes.Add(x, TLanes.Load(shift + c));
        return x;
    }

    private readonly TVector Added<TLanes, TVector>(TVector x, float* residual, int c)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        if (Scale != 1)
            x = TLanes.Multiply(TLanes.Create(Scale), x);
        if (residual is not null)
            x = TLanes.MultiplyAdd(TLanes.Create(ResidualScale), TLanes.Load(residual + c), x);
        return x;
    }
}
