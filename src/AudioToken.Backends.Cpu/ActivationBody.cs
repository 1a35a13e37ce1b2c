using System.Runtime.Intrinsics;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>Applies a function to some elements: a part of <see cref="CpuOps.Activate"/>.</summary>
internal unsafe struct ActivationBody : IParallelBody
{
    private const int PartLength = 16384;

    public float* X;
    public float* Y;
    public long Count;
    public Activation Activation;

    /// <summary>Number of parts.</summary>
    public readonly int Parts => checked((int)((Count + PartLength - 1) / PartLength));

    public void Run(int index, int worker)
    {
        long start = (long)index * PartLength;
        int count = (int)Math.Min(PartLength, Count - start), i = 0;
        if (Vector512.IsHardwareAccelerated)
            i = Apply<Lanes512, Vector512<float>>(X + start, Y + start, i, count);
        i = Apply<Lanes256, Vector256<float>>(X + start, Y + start, i, count);
        Apply<Lanes1, float>(X + start, Y + start, i, count);
    }

    // From element i on as far as whole vectors go; returns where it stopped.
    private readonly int Apply<TLanes, TVector>(float* x, float* y, int i, int count)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        for (; i + TLanes.Count <= count; i += TLanes.Count)
            TLanes.Store(VectorMath.Apply<TLanes, TVector>(TLanes.Load(x + i), Activation), y + i);
        return i;
    }
}
