using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace AudioToken.Backends.Cpu;

// The forms of 512 bits for the first one or two vectors of a tile.
internal static unsafe partial class AttentionTiles
{
    private static void Scores512x2(float* q, float* k, long stride, float* last, int width, float* s)
    {
        float* k0 = k;
        float* k1 = Least(k + stride, last);
        float* k2 = Least(k + 2 * stride, last);
        float* k3 = Least(k + 3 * stride, last);
        float* k4 = Least(k + 4 * stride, last);
        float* k5 = Least(k + 5 * stride, last);
        float* k6 = Least(k + 6 * stride, last);
        float* k7 = Least(k + 7 * stride, last);
        Vector512<float> a0 = default, b0 = default, a1 = default, b1 = default, a2 = default, b2 = default, a3 = default, b3 = default;
        Vector512<float> a4 = default, b4 = default, a5 = default, b5 = default, a6 = default, b6 = default, a7 = default, b7 = default;
        for (nint i = 0; i < width; i++)
        {
            Vector512<float> x = Vector512.Load(q), y = Vector512.Load(q + V512);
            q += Lanes;
            Row(x, y, Vector512.Create(k0[i]), ref a0, ref b0);
            Row(x, y, Vector512.Create(k1[i]), ref a1, ref b1);
            Row(x, y, Vector512.Create(k2[i]), ref a2, ref b2);
            Row(x, y, Vector512.Create(k3[i]), ref a3, ref b3);
            Row(x, y, Vector512.Create(k4[i]), ref a4, ref b4);
            Row(x, y, Vector512.Create(k5[i]), ref a5, ref b5);
            Row(x, y, Vector512.Create(k6[i]), ref a6, ref b6);
            Row(x, y, Vector512.Create(k7[i]), ref a7, ref b7);
        }

        Store(s, a0, b0);
        Store(s + Lanes, a1, b1);
        Store(s + 2 * Lanes, a2, b2);
        Store(s + 3 * Lanes, a3, b3);
        Store(s + 4 * Lanes, a4, b4);
        Store(s + 5 * Lanes, a5, b5);
        Store(s + 6 * Lanes, a6, b6);
        Store(s + 7 * Lanes, a7, b7);
    }

    private static void Scores512x1(float* q, float* k, long stride, float* last, int width, float* s)
    {
        float* k0 = k;
        float* k1 = Least(k + stride, last);
        float* k2 = Least(k + 2 * stride, last);
        float* k3 = Least(k + 3 * stride, last);
        float* k4 = Least(k + 4 * stride, last);
        float* k5 = Least(k + 5 * stride, last);
        float* k6 = Least(k + 6 * stride, last);
        float* k7 = Least(k + 7 * stride, last);
        Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default, a6 = default, a7 = default;
        for (nint i = 0; i < width; i++)
        {
            Vector512<float> x = Vector512.Load(q);
            q += Lanes;
            a0 = Vector512.FusedMultiplyAdd(x, Vector512.Create(k0[i]), a0);
            a1 = Vector512.FusedMultiplyAdd(x, Vector512.Create(k1[i]), a1);
            a2 = Vector512.FusedMultiplyAdd(x, Vector512.Create(k2[i]), a2);
            a3 = Vector512.FusedMultiplyAdd(x, Vector512.Create(k3[i]), a3);
            a4 = Vector512.FusedMultiplyAdd(x, Vector512.Create(k4[i]), a4);
            a5 = Vector512.FusedMultiplyAdd(x, Vector512.Create(k5[i]), a5);
            a6 = Vector512.FusedMultiplyAdd(x, Vector512.Create(k6[i]), a6);
            a7 = Vector512.FusedMultiplyAdd(x, Vector512.Create(k7[i]), a7);
        }

        a0.Store(s);
        a1.Store(s + Lanes);
        a2.Store(s + 2 * Lanes);
        a3.Store(s + 3 * Lanes);
        a4.Store(s + 4 * Lanes);
        a5.Store(s + 5 * Lanes);
        a6.Store(s + 6 * Lanes);
        a7.Store(s + 7 * Lanes);
    }

    private static void Values512x2(float* p, float* v, long stride, int keys, float* alpha, float* o)
    {
        Vector512<float> x = Vector512.Load(alpha), y = Vector512.Load(alpha + V512);
        Vector512<float> a0 = Scaled(o, x), b0 = Scaled(o + V512, y), a1 = Scaled(o + Lanes, x), b1 = Scaled(o + Lanes + V512, y);
        Vector512<float> a2 = Scaled(o + 2 * Lanes, x), b2 = Scaled(o + 2 * Lanes + V512, y), a3 = Scaled(o + 3 * Lanes, x), b3 = Scaled(o + 3 * Lanes + V512, y);
        Vector512<float> a4 = Scaled(o + 4 * Lanes, x), b4 = Scaled(o + 4 * Lanes + V512, y), a5 = Scaled(o + 5 * Lanes, x), b5 = Scaled(o + 5 * Lanes + V512, y);
        Vector512<float> a6 = Scaled(o + 6 * Lanes, x), b6 = Scaled(o + 6 * Lanes + V512, y), a7 = Scaled(o + 7 * Lanes, x), b7 = Scaled(o + 7 * Lanes + V512, y);
        for (int j = 0; j < keys; j++)
        {
            (x, y) = (Vector512.Load(p), Vector512.Load(p + V512));
            Row(x, y, Vector512.Create(v[0]), ref a0, ref b0);
            Row(x, y, Vector512.Create(v[1]), ref a1, ref b1);
            Row(x, y, Vector512.Create(v[2]), ref a2, ref b2);
            Row(x, y, Vector512.Create(v[3]), ref a3, ref b3);
            Row(x, y, Vector512.Create(v[4]), ref a4, ref b4);
            Row(x, y, Vector512.Create(v[5]), ref a5, ref b5);
            Row(x, y, Vector512.Create(v[6]), ref a6, ref b6);
            Row(x, y, Vector512.Create(v[7]), ref a7, ref b7);
            p += Lanes;
            v += stride;
        }

        Store(o, a0, b0);
        Store(o + Lanes, a1, b1);
        Store(o + 2 * Lanes, a2, b2);
        Store(o + 3 * Lanes, a3, b3);
        Store(o + 4 * Lanes, a4, b4);
        Store(o + 5 * Lanes, a5, b5);
        Store(o + 6 * Lanes, a6, b6);
        Store(o + 7 * Lanes, a7, b7);
    }

    private static void Values512x1(float* p, float* v, long stride, int keys, float* alpha, float* o)
    {
        Vector512<float> x = Vector512.Load(alpha);
        Vector512<float> a0 = Scaled(o, x), a1 = Scaled(o + Lanes, x), a2 = Scaled(o + 2 * Lanes, x), a3 = Scaled(o + 3 * Lanes, x);
        Vector512<float> a4 = Scaled(o + 4 * Lanes, x), a5 = Scaled(o + 5 * Lanes, x), a6 = Scaled(o + 6 * Lanes, x), a7 = Scaled(o + 7 * Lanes, x);
        for (int j = 0; j < keys; j++)
        {
            x = Vector512.Load(p);
            a0 = Vector512.FusedMultiplyAdd(x, Vector512.Create(v[0]), a0);
            a1 = Vector512.FusedMultiplyAdd(x, Vector512.Create(v[1]), a1);
            a2 = Vector512.FusedMultiplyAdd(x, Vector512.Create(v[2]), a2);
            a3 = Vector512.FusedMultiplyAdd(x, Vector512.Create(v[3]), a3);
            a4 = Vector512.FusedMultiplyAdd(x, Vector512.Create(v[4]), a4);
            a5 = Vector512.FusedMultiplyAdd(x, Vector512.Create(v[5]), a5);
            a6 = Vector512.FusedMultiplyAdd(x, Vector512.Create(v[6]), a6);
            a7 = Vector512.FusedMultiplyAdd(x, Vector512.Create(v[7]), a7);
            p += Lanes;
            v += stride;
        }

        a0.Store(o);
        a1.Store(o + Lanes);
        a2.Store(o + 2 * Lanes);
        a3.Store(o + 3 * Lanes);
        a4.Store(o + 4 * Lanes);
        a5.Store(o + 5 * Lanes);
        a6.Store(o + 6 * Lanes);
        a7.Store(o + 7 * Lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Row(Vector512<float> x, Vector512<float> y, Vector512<float> w, ref Vector512<float> a, ref Vector512<float> b)
    {
        a = Vector512.FusedMultiplyAdd(x, w, a);
        b = Vector512.FusedMultiplyAdd(y, w, b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Scaled(float* o, Vector512<float> factor) => factor * Vector512.Load(o);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* to, Vector512<float> a, Vector512<float> b)
    {
        a.Store(to);
        b.Store(to + V512);
    }
}
