using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace AudioToken.Bench;

/// <summary>The roof of arithmetic: fp32 multiply-adds from registers alone, in the widest vectors that the processor has.</summary>
public static class FmaPeak
{
    private const int Rounds = 3_000_000;

    /// <summary>Runs the loop, some ten milliseconds long, on each thread at once.</summary>
    /// <param name="threads">At least 1.</param>
    /// <returns>FLOP/s of all threads together, right now.</returns>
    public static double Measure(int threads) => ThreadRates.Sum(threads, _ =>
    {
        long at = Stopwatch.GetTimestamp();
        (float sink, int lanes) = Vector512.IsHardwareAccelerated ? (Loop<Lanes512, Vector512<float>>(), Vector512<float>.Count)
            : Vector256.IsHardwareAccelerated ? (Loop<Lanes256, Vector256<float>>(), Vector256<float>.Count)
            : (Loop<Lanes128, Vector128<float>>(), Vector128<float>.Count);
        double seconds = Stopwatch.GetElapsedTime(at).TotalSeconds;
        GC.KeepAlive(sink);
        return 24.0 * lanes * Rounds / seconds;
    });

    // Twelve chains hide the latency of a multiply-add; nothing touches memory.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Loop<TLanes, TVector>()
        where TLanes : ILanes<TVector>
    {
        TVector x = TLanes.All(0.9999999f), y = TLanes.All(1e-9f);
        TVector a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;
        for (int r = 0; r < Rounds; r++)
        {
            a = TLanes.MultiplyAdd(a, x, y);
            b = TLanes.MultiplyAdd(b, x, y);
            c = TLanes.MultiplyAdd(c, x, y);
            d = TLanes.MultiplyAdd(d, x, y);
            e = TLanes.MultiplyAdd(e, x, y);
            f = TLanes.MultiplyAdd(f, x, y);
            g = TLanes.MultiplyAdd(g, x, y);
            h = TLanes.MultiplyAdd(h, x, y);
            i = TLanes.MultiplyAdd(i, x, y);
            j = TLanes.MultiplyAdd(j, x, y);
            k = TLanes.MultiplyAdd(k, x, y);
            l = TLanes.MultiplyAdd(l, x, y);
        }

        // Every chain is needed, so none can be left out.
        return TLanes.First(a) + TLanes.First(b) + TLanes.First(c) + TLanes.First(d) + TLanes.First(e) + TLanes.First(f)
            + TLanes.First(g) + TLanes.First(h) + TLanes.First(i) + TLanes.First(j) + TLanes.First(k) + TLanes.First(l);
    }

    private interface ILanes<TVector>
    {
        static abstract TVector All(float value);

        static abstract TVector MultiplyAdd(TVector a, TVector b, TVector c);

        static abstract float First(TVector a);
    }

    private readonly struct Lanes512 : ILanes<Vector512<float>>
    {
        public static Vector512<float> All(float value) => Vector512.Create(value);

        public static Vector512<float> MultiplyAdd(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Vector512.FusedMultiplyAdd(a, b, c);

        public static float First(Vector512<float> a) => a.ToScalar();
    }

    private readonly struct Lanes256 : ILanes<Vector256<float>>
    {
        public static Vector256<float> All(float value) => Vector256.Create(value);

        public static Vector256<float> MultiplyAdd(Vector256<float> a, Vector256<float> b, Vector256<float> c) => Vector256.FusedMultiplyAdd(a, b, c);

        public static float First(Vector256<float> a) => a.ToScalar();
    }

    private readonly struct Lanes128 : ILanes<Vector128<float>>
    {
        public static Vector128<float> All(float value) => Vector128.Create(value);

        public static Vector128<float> MultiplyAdd(Vector128<float> a, Vector128<float> b, Vector128<float> c) => Vector128.FusedMultiplyAdd(a, b, c);

        public static float First(Vector128<float> a) => a.ToScalar();
    }
}
