using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace AudioToken.Benchmarks;

/// <summary>The roof: fp32 multiply-adds from registers alone.</summary>
internal static class FmaPeak
{
    /// <summary>FLOP/s of all threads together, right now.</summary>
    public static double Measure(int threads)
    {
        const int Rounds = 3_000_000;
        double[] rates = new double[threads];
        Thread[] others = new Thread[threads];
        for (int i = 0; i < threads; i++)
        {
            int own = i;
            others[i] = new Thread(() =>
            {
                long at = Stopwatch.GetTimestamp();
                float sink = PeakLoop(Rounds);
                rates[own] = 24.0 * Vector512<float>.Count * Rounds / Stopwatch.GetElapsedTime(at).TotalSeconds;
                GC.KeepAlive(sink);
            });
            others[i].Start();
        }

        foreach (Thread thread in others)
            thread.Join();
        return rates.Sum();
    }

    // Twelve chains hide the latency of a multiply-add; nothing touches memory.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float PeakLoop(int rounds)
    {
        Vector512<float> x = Vector512.Create(0.9999999f), y = Vector512.Create(1e-9f);
        Vector512<float> a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;
        for (int r = 0; r < rounds; r++)
        {
            a = Vector512.FusedMultiplyAdd(a, x, y);
            b = Vector512.FusedMultiplyAdd(b, x, y);
            c = Vector512.FusedMultiplyAdd(c, x, y);
            d = Vector512.FusedMultiplyAdd(d, x, y);
            e = Vector512.FusedMultiplyAdd(e, x, y);
            f = Vector512.FusedMultiplyAdd(f, x, y);
            g = Vector512.FusedMultiplyAdd(g, x, y);
            h = Vector512.FusedMultiplyAdd(h, x, y);
            i = Vector512.FusedMultiplyAdd(i, x, y);
            j = Vector512.FusedMultiplyAdd(j, x, y);
            k = Vector512.FusedMultiplyAdd(k, x, y);
            l = Vector512.FusedMultiplyAdd(l, x, y);
        }

        return Vector512.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }
}
