using System.Runtime.Intrinsics;

namespace AudioToken.Sampling;

/// <summary>PyTorch's CPU generator and its <c>torch.randn</c>, so that a seed means what it means in diffusers.</summary>
/// <remarks>
/// Source: ATen's CPUGeneratorImpl and DistributionTemplates. Uniforms are PyTorch's to the bit; PyTorch's vectorised logarithm, sine and
/// cosine are approximations, so its float32 normals differ from these in the last bits. float16 draws (<see cref="Half"/>) take another
/// path in PyTorch and are other numbers, not rounded ones. Not safe for concurrent calls.
/// </remarks>
public sealed class TorchCpuGenerator : INoiseSource
{
    // PyTorch draws tensors of fewer elements one by one in double.
    private const int Block = 16;
    private const float TwoPi = (float)(2 * Math.PI);

    private readonly Mt19937 _engine;
    private double? _cached; // second normal of the pair last drawn by the path for small tensors

    /// <summary>Seeds a generator; as in PyTorch only the low 32 bits count.</summary>
    public TorchCpuGenerator(ulong seed)
    {
        _engine = new Mt19937((uint)seed);
        Half = new HalfSource(this);
    }

    /// <summary>The same generator as a float16 pipeline draws from it: float16 normals, widened.</summary>
    public INoiseSource Half { get; }

    /// <summary><c>torch.randn(n, generator=g)</c> in float32.</summary>
    public void Fill(Span<float> destination) => Fill(destination, inHalf: false);

    private void Fill(Span<float> destination, bool inHalf)
    {
        if (destination.Length < Block)
        {
            foreach (ref float value in destination)
                value = inHalf ? (float)(Half)NextNormal() : (float)NextNormal();
            return;
        }

        FillUniform(destination, inHalf);
        Transform(destination[..^(destination.Length % Block)], inHalf);
        if (destination.Length % Block == 0)
            return;
        // The ragged end is drawn anew together with what precedes it.
        Span<float> last = destination[^Block..];
        FillUniform(last, inHalf);
        Transform(last, inHalf);
    }

    // As many bits as the type can hold: 24, or eleven.
    private void FillUniform(Span<float> destination, bool inHalf)
    {
        (uint bits, float unit) = inHalf ? (0x7FFu, 1f / (1 << 11)) : (0xFFFFFFu, 1f / (1 << 24));
        foreach (ref float value in destination)
            value = (_engine.Next() & bits) * unit;
    }

    // Box and Muller 1958, in place: the first half of a block holds the radii's uniforms, the second the angles'. In half precision radius, angle and
    // result are each rounded.
    private static void Transform(Span<float> blocks, bool inHalf)
    {
        const int Pairs = Block / 2;
        for (int at = 0; at < blocks.Length; at += Block)
        {
            Span<float> radii = blocks.Slice(at, Pairs), angles = blocks.Slice(at + Pairs, Pairs);
            if (!inHalf)
            {
                Vector256<float> radius = Vector256.Sqrt(-2 * Vector256.Log(Vector256<float>.One - Vector256.Create<float>(radii)));
                (Vector256<float> sin, Vector256<float> cos) = Vector256.SinCos(TwoPi * Vector256.Create<float>(angles));
                (radius * cos).CopyTo(radii);
                (radius * sin).CopyTo(angles);
                continue;
            }

            for (int i = 0; i < Pairs; i++)
            {
                float radius = (float)(Half)MathF.Sqrt(-2 * MathF.Log(1 - radii[i]));
                float angle = (float)(Half)(2 * Math.PI * angles[i]);
                radii[i] = (float)(Half)(radius * MathF.Cos(angle));
                angles[i] = (float)(Half)(radius * MathF.Sin(angle));
            }
        }
    }

    private double NextUniformDouble()
    {
        ulong high = _engine.Next();
        return ((high << 32 | _engine.Next()) & ((1ul << 53) - 1)) * (1.0 / (1ul << 53));
    }

    private double NextNormal()
    {
        if (_cached is double cached)
        {
            _cached = null;
            return cached;
        }

        double angle = 2 * Math.PI * NextUniformDouble();
        double radius = Math.Sqrt(-2 * Log1P(-NextUniformDouble()));
        _cached = radius * Math.Sin(angle);
        return radius * Math.Cos(angle);
    }

    // ln(1 + x) without the cancellation of 1 + x near 1. Goldberg 1991, theorem 4.
    private static double Log1P(double x)
    {
        double sum = 1 + x;
        return sum == 1 ? x : Math.Log(sum) * x / (sum - 1);
    }

    private sealed class HalfSource(TorchCpuGenerator generator) : INoiseSource
    {
        public void Fill(Span<float> destination) => generator.Fill(destination, inHalf: true);
    }
}
