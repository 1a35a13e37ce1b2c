using System.Runtime.CompilerServices;
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

    /// <summary>Whether nothing is done but to add bias and residual.</summary>
    public readonly bool IsAddition => Activation == Activation.None && Scale == 1 && Shift is null;

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
        while (rows > 0)
        {
            // Rows of one sample share a shift.
            long sample = Shift is null ? 0 : row / RowsPerSample, at = row * stride + column;
            int count = Shift is null ? rows : (int)Math.Min(rows, (sample + 1) * RowsPerSample - row);
            Rows part = new()
            {
                Count = count,
                Sums = sums,
                Gates = gates,
                Width = width,
                Bias = Bias is null ? null : Bias + column,
                Shift = Shift is null ? null : Shift + sample * ShiftStride + column,
                Residual = Residual is null ? null : Residual + at,
                Output = output + at,
                Stride = stride,
            };
            int whole = columns / TLanes.Count * TLanes.Count;
            Finish<TLanes, TVector>(part, 0, whole);
            if (whole < columns)
                Finish<Lanes1, float>(part, whole, columns);
            row += count;
            rows -= count;
            sums += (long)count * width;
            gates = gates is null ? null : gates + (long)count * width;
        }
    }

    private readonly void Finish<TLanes, TVector>(in Rows part, int from, int to)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        if (part.Gates is not null)
            Gate<TLanes, TVector>(part, from, to);
        else if (Activation == Activation.None && Scale == 1)
            Add<TLanes, TVector>(part, from, to);
        else
            Activate<TLanes, TVector>(part, from, to);
    }

    // The plainest and most frequent, where a short sum of products leaves little time for its end. Locals: a store might change a field.
    private readonly void Add<TLanes, TVector>(Rows part, int from, int to)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        float* sums = part.Sums, residual = part.Residual, output = part.Output, bias = part.Bias, shift = part.Shift;
        TVector factor = TLanes.Create(ResidualScale);
        for (int r = 0; r < part.Count; r++, sums += part.Width, output += part.Stride)
        {
            for (int c = from; c < to; c += TLanes.Count)
            {
                TVector x = Shifted<TLanes, TVector>(sums, bias, shift, c);
                if (residual is not null)
                    x = TLanes.MultiplyAdd(factor, TLanes.Load(residual + c), x);
                TLanes.Store(x, output + c);
            }

            residual = residual is null ? null : residual + part.Stride;
        }
    }

    private readonly void Activate<TLanes, TVector>(Rows part, int from, int to)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        Activation activation = Activation;
        float* sums = part.Sums, residual = part.Residual, output = part.Output, bias = part.Bias, shift = part.Shift;
        TVector scale = TLanes.Create(Scale), factor = TLanes.Create(ResidualScale);
        for (int r = 0; r < part.Count; r++, sums += part.Width, output += part.Stride)
        {
            for (int c = from; c < to; c += TLanes.Count)
            {
                TVector x = VectorMath.Apply<TLanes, TVector>(Shifted<TLanes, TVector>(sums, bias, shift, c), activation);
                TLanes.Store(Added<TLanes, TVector>(x, scale, residual, factor, c), output + c);
            }

            residual = residual is null ? null : residual + part.Stride;
        }
    }

    private readonly void Gate<TLanes, TVector>(Rows part, int from, int to)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        float* sums = part.Sums, gates = part.Gates, residual = part.Residual, output = part.Output, bias = part.Bias, shift = part.Shift;
        float* gateBias = bias is null ? null : bias + GateDistance, gateShift = shift is null ? null : shift + GateDistance;
        TVector scale = TLanes.Create(Scale), factor = TLanes.Create(ResidualScale);
        for (int r = 0; r < part.Count; r++, sums += part.Width, gates += part.Width, output += part.Stride)
        {
            for (int c = from; c < to; c += TLanes.Count)
            {
                TVector value = Shifted<TLanes, TVector>(sums, bias, shift, c);
                TVector gate = Shifted<TLanes, TVector>(gates, gateBias, gateShift, c);
                TVector x = TLanes.Multiply(value, VectorMath.Gelu<TLanes, TVector>(gate));
                TLanes.Store(Added<TLanes, TVector>(x, scale, residual, factor, c), output + c);
            }

            residual = residual is null ? null : residual + part.Stride;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Added<TLanes, TVector>(TVector x, TVector scale, float* residual, TVector factor, int c)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        x = TLanes.Multiply(scale, x);
        return residual is null ? x : TLanes.MultiplyAdd(factor, TLanes.Load(residual + c), x);
    }

    // Rows of one sample, from the first of the columns on.
    private struct Rows
    {
        public int Count;
        public float* Sums;
        public float* Gates;
        public int Width;
        public float* Bias;
        public float* Shift;
        public float* Residual;
        public float* Output;
        public long Stride;
    }
}
