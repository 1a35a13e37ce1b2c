using System.Runtime.Intrinsics;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>Multiplies some gradients by the derivative of an activation: a part of <see cref="CpuOps.ActivateGradient"/>.</summary>
internal unsafe struct ActivationGradientBody : IParallelBody
{
    private const int PartLength = 16384;

    public float* X;
    public float* Dy;
    public float* Dx;
    public long Count;
    public Activation Activation;

    /// <summary>Number of parts.</summary>
    public readonly int Parts => checked((int)((Count + PartLength - 1) / PartLength));

    public void Run(int index, int worker)
    {
        long start = (long)index * PartLength;
        int count = (int)Math.Min(PartLength, Count - start), i = 0;
        if (Vector512.IsHardwareAccelerated)
            i = Apply<Lanes512, Vector512<float>>(start, i, count);
        i = Apply<Lanes256, Vector256<float>>(start, i, count);
        Apply<Lanes1, float>(start, i, count);
    }

    // From element i on as far as whole vectors go; returns where it stopped.
    private readonly int Apply<TLanes, TVector>(long start, int i, int count)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        for (; i + TLanes.Count <= count; i += TLanes.Count)
        {
            TVector slope = VectorMath.Derivative<TLanes, TVector>(TLanes.Load(X + start + i), Activation);
            TLanes.Store(TLanes.Multiply(slope, TLanes.Load(Dy + start + i)), Dx + start + i);
        }

        return i;
    }
}

/// <summary>GEGLU of some rows, or its gradient: a part of <see cref="CpuOps.Gate(AudioToken.Tensors.Tensor)"/> and <see cref="CpuOps.GateGradient"/>.</summary>
internal unsafe struct GateBody : IParallelBody
{
    public float* Sums;   // [Rows, 2 Columns]
    public float* Dy;     // [Rows, Columns], null for the forward pass
    public float* Result; // [Rows, Columns] forward, [Rows, 2 Columns] backward
    public long Rows;
    public int Columns;
    public int ChunkRows;

    public void Run(int index, int worker)
    {
        long first = (long)index * ChunkRows, last = Math.Min(first + ChunkRows, Rows);
        for (long row = first; row < last; row++)
        {
            int c = 0;
            if (Vector512.IsHardwareAccelerated)
                c = Apply<Lanes512, Vector512<float>>(row, c);
            c = Apply<Lanes256, Vector256<float>>(row, c);
            Apply<Lanes1, float>(row, c);
        }
    }

    private readonly int Apply<TLanes, TVector>(long row, int c)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        float* value = Sums + row * 2 * Columns, gate = value + Columns;
        for (; c + TLanes.Count <= Columns; c += TLanes.Count)
        {
            TVector x = TLanes.Load(gate + c), gelu = VectorMath.Gelu<TLanes, TVector>(x);
            if (Dy is null)
            {
                TLanes.Store(TLanes.Multiply(TLanes.Load(value + c), gelu), Result + row * Columns + c);
                continue;
            }

            TVector dy = TLanes.Load(Dy + row * Columns + c);
            float* to = Result + row * 2 * Columns + c;
            TLanes.Store(TLanes.Multiply(dy, gelu), to);
            TVector slope = VectorMath.Derivative<TLanes, TVector>(x, Activation.Gelu);
            TLanes.Store(TLanes.Multiply(TLanes.Multiply(dy, TLanes.Load(value + c)), slope), to + Columns);
        }

        return c;
    }
}
