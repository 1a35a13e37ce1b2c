namespace AudioToken.Backends.Cpu;

/// <summary>Makes some gates of two groups of four projections each: a part of <see cref="CpuOps.RelativePositionGate"/>.</summary>
internal unsafe struct RelativeGateBody : IParallelBody
{
    private const int PartLength = 512;

    public float* X;       // [Count, 8]
    public float* Factors; // [Heads]
    public float* Y;       // [Count], the heads of a position side by side
    public int Heads;
    public long Count;

    /// <summary>Number of parts.</summary>
    public readonly int Parts => checked((int)((Count + PartLength - 1) / PartLength));

    public readonly void Run(int index, int worker)
    {
        long start = (long)index * PartLength, end = Math.Min(start + PartLength, Count);
        float* x = X + start * 8;
        for (long i = start; i < end; i++, x += 8)
        {
            float a = Sigmoid(x[0] + x[1] + x[2] + x[3]), b = Sigmoid(x[4] + x[5] + x[6] + x[7]);
            Y[i] = (a * ((b * Factors[i % Heads]) - 1)) + 2;
        }
    }

    /// <summary>1 / (1 + e^-x).</summary>
    public static float Sigmoid(float x) => 1 / (1 + MathF.Exp(-x));
}
