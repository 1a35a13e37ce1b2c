using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AudioToken.Backends.Cpu;

/// <summary>The inner loops of attention over a tile of <see cref="Lanes"/> queries: one query a SIMD lane.</summary>
/// <remarks>
/// With queries in the lanes a key's or value's element is one broadcast, so keys and values are read as they lie, every head width
/// fits, and the maxima and sums of the softmax never cross lanes. A tile is [rows][Lanes]. Each method has a form of 512 bits
/// (24 sums in registers) and one of 256 bits (12 sums) that any machine can run; both add the same terms in the same order. Of a tile with fewer
/// queries only the first lanes are computed; rows stay as far apart.
/// </remarks>
internal static unsafe partial class AttentionTiles
{
    /// <summary>Queries of a tile: three vectors of 512 bits.</summary>
    public const int Lanes = 48;

    /// <summary>Powers are of two, so a score is to be had in units of ln 2.</summary>
    public const float ScoreUnit = 1.44269504f;

    /// <summary>Keys of a step: a text is one, and scores, keys and values of one stay in the first two levels of cache.</summary>
    public const int KeyBlock = 80;

    /// <summary>Queries of a vector of 512 bits.</summary>
    public const int V512 = 16;

    private const int V256 = 8;

    /// <summary>The lanes that are computed of a tile with so many queries: whole vectors of 512 bits, or half tiles.</summary>
    public static int LanesFor(int queries, bool wide) => wide ? (queries + V512 - 1) / V512 * V512 : queries <= Lanes / 2 ? Lanes / 2 : Lanes;

    /// <summary>s[j][lane] = sum over c of q[c][lane] * k[j][c].</summary>
    /// <param name="q">[width][Lanes].</param>
    /// <param name="k">[keys], rows <paramref name="stride"/> apart.</param>
    /// <param name="stride">Elements from key to key.</param>
    /// <param name="keys">At most <see cref="KeyBlock"/>.</param>
    /// <param name="width">Elements of a key.</param>
    /// <param name="s">[keys rounded up to 8][Lanes]; what lies beyond the keys is undefined.</param>
    /// <param name="lanes">The lanes wanted, of <see cref="LanesFor"/>.</param>
    /// <param name="wide">Whether to take the form of 512 bits.</param>
    /// <param name="ahead">Asked for meanwhile.</param>
    /// <param name="biasAhead">Asked for meanwhile.</param>
    public static void Scores(float* q, float* k, long stride, int keys, int width, float* s, int lanes, bool wide, ref RowsAhead ahead, ref RowsAhead biasAhead)
    {
        float* last = k + (keys - 1) * stride;
        for (int j = 0; wide && j < keys; j += 8)
        {
            ahead.Ask();
            biasAhead.Ask();
            switch (lanes)
            {
                case V512:
                    Scores512x1(q, k + j * stride, stride, last, width, s + j * Lanes);
                    break;
                case 2 * V512:
                    Scores512x2(q, k + j * stride, stride, last, width, s + j * Lanes);
                    break;
                default:
                    Scores512(q, k + j * stride, stride, last, width, s + j * Lanes);
                    break;
            }
        }

        for (int j = 0; !wide && j < keys; j += 4)
        {
            ahead.Ask();
            biasAhead.Ask();
            for (int half = 0; half < lanes; half += Lanes / 2)
                Scores256(q + half, k + j * stride, stride, last, width, s + j * Lanes + half);
        }
    }

    /// <summary>o[c][lane] = alpha[lane] * o[c][lane] + sum over j of p[j][lane] * v[j][c].</summary>
    /// <param name="p">[keys][Lanes].</param>
    /// <param name="v">[keys], rows <paramref name="stride"/> apart.</param>
    /// <param name="stride">Elements from value to value.</param>
    /// <param name="keys">Number of values.</param>
    /// <param name="width">Elements of a value.</param>
    /// <param name="alpha">[Lanes].</param>
    /// <param name="o">[width][Lanes].</param>
    /// <param name="lanes">The lanes wanted, of <see cref="LanesFor"/>.</param>
    /// <param name="wide">Whether to take the form of 512 bits.</param>
    /// <param name="ahead">Asked for meanwhile.</param>
    /// <param name="biasAhead">Asked for meanwhile.</param>
    public static void Values(
        float* p, float* v, long stride, int keys, int width, float* alpha, float* o, int lanes, bool wide, ref RowsAhead ahead, ref RowsAhead biasAhead)
    {
        int c = 0;
        for (; wide && c + 8 <= width; c += 8)
        {
            ahead.Ask();
            biasAhead.Ask();
            switch (lanes)
            {
                case V512:
                    Values512x1(p, v + c, stride, keys, alpha, o + c * Lanes);
                    break;
                case 2 * V512:
                    Values512x2(p, v + c, stride, keys, alpha, o + c * Lanes);
                    break;
                default:
                    Values512(p, v + c, stride, keys, alpha, o + c * Lanes);
                    break;
            }
        }

        for (; !wide && c + 4 <= width; c += 4)
        {
            ahead.Ask();
            biasAhead.Ask();
            for (int half = 0; half < lanes; half += Lanes / 2)
                Values256(p + half, v + c, stride, keys, alpha + half, o + c * Lanes + half);
        }

        for (; c < width; c++)
        {
            for (int lane = 0; lane < lanes; lane += V256)
            {
                Vector256<float> sum = Vector256.Load(alpha + lane) * Vector256.Load(o + c * Lanes + lane);
                for (int j = 0; j < keys; j++)
                    sum = Vector256.MultiplyAddEstimate(Vector256.Load(p + j * Lanes + lane), Vector256.Create(v[j * stride + c]), sum);
                sum.Store(o + c * Lanes + lane);
            }
        }
    }

    /// <summary>Turns scores into 2^(score - maximum) and carries maximum and sum of the keys seen so far along.</summary>
    /// <param name="s">[keys][Lanes], changed in place.</param>
    /// <param name="keys">Number of keys.</param>
    /// <param name="maxima">[Lanes], carried along.</param>
    /// <param name="sums">[Lanes], carried along, relative to the maxima.</param>
    /// <param name="alpha">[Lanes], receives the factor by which sums of the earlier keys shrink.</param>
    /// <param name="lanes">The lanes wanted, of <see cref="LanesFor"/>.</param>
    /// <param name="wide">Whether to take the form of 512 bits.</param>
    public static void SoftMax(float* s, int keys, float* maxima, float* sums, float* alpha, int lanes, bool wide)
    {
        if (wide)
        {
            for (int lane = 0; lane < lanes; lane += V512)
                SoftMax<Lanes512, Vector512<float>>(s + lane, keys, maxima + lane, sums + lane, alpha + lane);
        }
        else
        {
            for (int lane = 0; lane < lanes; lane += V256)
                SoftMax<Lanes256, Vector256<float>>(s + lane, keys, maxima + lane, sums + lane, alpha + lane);
        }
    }

    /// <summary>o[c][lane] /= sums[lane].</summary>
    /// <param name="o">[width][Lanes].</param>
    /// <param name="sums">[Lanes].</param>
    /// <param name="width">Rows.</param>
    /// <param name="lanes">The lanes wanted, of <see cref="LanesFor"/>.</param>
    public static void Divide(float* o, float* sums, int width, int lanes)
    {
        for (int lane = 0; lane < lanes; lane += V256)
        {
            Vector256<float> factor = Vector256<float>.One / Vector256.Load(sums + lane);
            for (float* at = o + lane, end = at + width * Lanes; at < end; at += Lanes)
                (factor * Vector256.Load(at)).Store(at);
        }
    }

    /// <summary>s[j][lane] += gate[lane] * bias[lane][j].</summary>
    /// <param name="s">[keys][Lanes].</param>
    /// <param name="bias">[queries], rows <paramref name="stride"/> apart.</param>
    /// <param name="stride">Elements from query to query.</param>
    /// <param name="gate">[Lanes].</param>
    /// <param name="queries">Lanes that have a bias.</param>
    /// <param name="keys">Number of keys.</param>
    public static void AddBias(float* s, float* bias, long stride, float* gate, int queries, int keys)
    {
        int lane = 0, fours = keys & ~3;
        if (Avx512F.IsSupported)
        {
            for (; lane + V512 <= queries; lane += V512)
            {
                Vector512<float> gates = Vector512.Load(gate + lane);
                for (int j = 0; j < fours; j += 4)
                    AddBias16x4(s + j * Lanes + lane, bias + lane * stride + j, stride, gates);
                AddBiasRest(s, bias, stride, gate, lane, lane + V512, fours, keys);
            }
        }

        if (Sse.IsSupported)
        {
            for (; lane + 4 <= queries; lane += 4)
            {
                Vector128<float> gates = Vector128.Load(gate + lane);
                for (int j = 0; j < fours; j += 4)
                    AddBias4x4(s + j * Lanes + lane, bias + lane * stride + j, stride, gates);
                AddBiasRest(s, bias, stride, gate, lane, lane + 4, fours, keys);
            }
        }

        AddBiasRest(s, bias, stride, gate, lane, queries, 0, keys);
    }

    /// <summary>Sets scores of keys after the query to minus infinity.</summary>
    /// <param name="s">[keys][Lanes].</param>
    /// <param name="keys">Number of keys.</param>
    /// <param name="offset">Number of the first query minus that of the first key.</param>
    public static void MaskLater(float* s, int keys, int offset)
    {
        for (int j = 0; j < keys; j++)
        {
            for (int lane = 0; lane < Math.Min(j - offset, Lanes); lane++)
                s[j * Lanes + lane] = float.NegativeInfinity;
        }
    }

    // Eight keys against three vectors of queries. Rows past the last key repeat it; nobody reads their scores.
    private static void Scores512(float* q, float* k, long stride, float* last, int width, float* s)
    {
        float* k0 = k;
        float* k1 = Least(k + stride, last);
        float* k2 = Least(k + 2 * stride, last);
        float* k3 = Least(k + 3 * stride, last);
        float* k4 = Least(k + 4 * stride, last);
        float* k5 = Least(k + 5 * stride, last);
        float* k6 = Least(k + 6 * stride, last);
        float* k7 = Least(k + 7 * stride, last);
        Vector512<float> a0 = default, b0 = default, c0 = default, a1 = default, b1 = default, c1 = default;
        Vector512<float> a2 = default, b2 = default, c2 = default, a3 = default, b3 = default, c3 = default;
        Vector512<float> a4 = default, b4 = default, c4 = default, a5 = default, b5 = default, c5 = default;
        Vector512<float> a6 = default, b6 = default, c6 = default, a7 = default, b7 = default, c7 = default;
        for (nint i = 0; i < width; i++)
        {
            Vector512<float> x = Vector512.Load(q), y = Vector512.Load(q + V512), z = Vector512.Load(q + 2 * V512);
            q += Lanes;
            Row(x, y, z, Vector512.Create(k0[i]), ref a0, ref b0, ref c0);
            Row(x, y, z, Vector512.Create(k1[i]), ref a1, ref b1, ref c1);
            Row(x, y, z, Vector512.Create(k2[i]), ref a2, ref b2, ref c2);
            Row(x, y, z, Vector512.Create(k3[i]), ref a3, ref b3, ref c3);
            Row(x, y, z, Vector512.Create(k4[i]), ref a4, ref b4, ref c4);
            Row(x, y, z, Vector512.Create(k5[i]), ref a5, ref b5, ref c5);
            Row(x, y, z, Vector512.Create(k6[i]), ref a6, ref b6, ref c6);
            Row(x, y, z, Vector512.Create(k7[i]), ref a7, ref b7, ref c7);
        }

        Store(s, a0, b0, c0);
        Store(s + Lanes, a1, b1, c1);
        Store(s + 2 * Lanes, a2, b2, c2);
        Store(s + 3 * Lanes, a3, b3, c3);
        Store(s + 4 * Lanes, a4, b4, c4);
        Store(s + 5 * Lanes, a5, b5, c5);
        Store(s + 6 * Lanes, a6, b6, c6);
        Store(s + 7 * Lanes, a7, b7, c7);
    }

    // Four keys against three vectors of queries: half a tile.
    private static void Scores256(float* q, float* k, long stride, float* last, int width, float* s)
    {
        float* k0 = k;
        float* k1 = Least(k + stride, last);
        float* k2 = Least(k + 2 * stride, last);
        float* k3 = Least(k + 3 * stride, last);
        Vector256<float> a0 = default, b0 = default, c0 = default, a1 = default, b1 = default, c1 = default;
        Vector256<float> a2 = default, b2 = default, c2 = default, a3 = default, b3 = default, c3 = default;
        for (nint i = 0; i < width; i++)
        {
            Vector256<float> x = Vector256.Load(q), y = Vector256.Load(q + V256), z = Vector256.Load(q + 2 * V256);
            q += Lanes;
            Row(x, y, z, Vector256.Create(k0[i]), ref a0, ref b0, ref c0);
            Row(x, y, z, Vector256.Create(k1[i]), ref a1, ref b1, ref c1);
            Row(x, y, z, Vector256.Create(k2[i]), ref a2, ref b2, ref c2);
            Row(x, y, z, Vector256.Create(k3[i]), ref a3, ref b3, ref c3);
        }

        Store(s, a0, b0, c0);
        Store(s + Lanes, a1, b1, c1);
        Store(s + 2 * Lanes, a2, b2, c2);
        Store(s + 3 * Lanes, a3, b3, c3);
    }

    // Eight columns of the values against three vectors of queries.
    private static void Values512(float* p, float* v, long stride, int keys, float* alpha, float* o)
    {
        Vector512<float> x = Vector512.Load(alpha), y = Vector512.Load(alpha + V512), z = Vector512.Load(alpha + 2 * V512);
        Scaled(o, x, y, z, out Vector512<float> a0, out Vector512<float> b0, out Vector512<float> c0);
        Scaled(o + Lanes, x, y, z, out Vector512<float> a1, out Vector512<float> b1, out Vector512<float> c1);
        Scaled(o + 2 * Lanes, x, y, z, out Vector512<float> a2, out Vector512<float> b2, out Vector512<float> c2);
        Scaled(o + 3 * Lanes, x, y, z, out Vector512<float> a3, out Vector512<float> b3, out Vector512<float> c3);
        Scaled(o + 4 * Lanes, x, y, z, out Vector512<float> a4, out Vector512<float> b4, out Vector512<float> c4);
        Scaled(o + 5 * Lanes, x, y, z, out Vector512<float> a5, out Vector512<float> b5, out Vector512<float> c5);
        Scaled(o + 6 * Lanes, x, y, z, out Vector512<float> a6, out Vector512<float> b6, out Vector512<float> c6);
        Scaled(o + 7 * Lanes, x, y, z, out Vector512<float> a7, out Vector512<float> b7, out Vector512<float> c7);
        for (int j = 0; j < keys; j++)
        {
            (x, y, z) = (Vector512.Load(p), Vector512.Load(p + V512), Vector512.Load(p + 2 * V512));
            Row(x, y, z, Vector512.Create(v[0]), ref a0, ref b0, ref c0);
            Row(x, y, z, Vector512.Create(v[1]), ref a1, ref b1, ref c1);
            Row(x, y, z, Vector512.Create(v[2]), ref a2, ref b2, ref c2);
            Row(x, y, z, Vector512.Create(v[3]), ref a3, ref b3, ref c3);
            Row(x, y, z, Vector512.Create(v[4]), ref a4, ref b4, ref c4);
            Row(x, y, z, Vector512.Create(v[5]), ref a5, ref b5, ref c5);
            Row(x, y, z, Vector512.Create(v[6]), ref a6, ref b6, ref c6);
            Row(x, y, z, Vector512.Create(v[7]), ref a7, ref b7, ref c7);
            p += Lanes;
            v += stride;
        }

        Store(o, a0, b0, c0);
        Store(o + Lanes, a1, b1, c1);
        Store(o + 2 * Lanes, a2, b2, c2);
        Store(o + 3 * Lanes, a3, b3, c3);
        Store(o + 4 * Lanes, a4, b4, c4);
        Store(o + 5 * Lanes, a5, b5, c5);
        Store(o + 6 * Lanes, a6, b6, c6);
        Store(o + 7 * Lanes, a7, b7, c7);
    }

    // Four columns of the values against three vectors of queries: half a tile.
    private static void Values256(float* p, float* v, long stride, int keys, float* alpha, float* o)
    {
        Vector256<float> x = Vector256.Load(alpha), y = Vector256.Load(alpha + V256), z = Vector256.Load(alpha + 2 * V256);
        Scaled(o, x, y, z, out Vector256<float> a0, out Vector256<float> b0, out Vector256<float> c0);
        Scaled(o + Lanes, x, y, z, out Vector256<float> a1, out Vector256<float> b1, out Vector256<float> c1);
        Scaled(o + 2 * Lanes, x, y, z, out Vector256<float> a2, out Vector256<float> b2, out Vector256<float> c2);
        Scaled(o + 3 * Lanes, x, y, z, out Vector256<float> a3, out Vector256<float> b3, out Vector256<float> c3);
        for (int j = 0; j < keys; j++)
        {
            (x, y, z) = (Vector256.Load(p), Vector256.Load(p + V256), Vector256.Load(p + 2 * V256));
            Row(x, y, z, Vector256.Create(v[0]), ref a0, ref b0, ref c0);
            Row(x, y, z, Vector256.Create(v[1]), ref a1, ref b1, ref c1);
            Row(x, y, z, Vector256.Create(v[2]), ref a2, ref b2, ref c2);
            Row(x, y, z, Vector256.Create(v[3]), ref a3, ref b3, ref c3);
            p += Lanes;
            v += stride;
        }

        Store(o, a0, b0, c0);
        Store(o + Lanes, a1, b1, c1);
        Store(o + 2 * Lanes, a2, b2, c2);
        Store(o + 3 * Lanes, a3, b3, c3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddBias16x4(float* s, float* bias, long stride, Vector512<float> gate)
    {
        Transposition.Columns16x4(bias, stride, out Vector512<float> a, out Vector512<float> b, out Vector512<float> c, out Vector512<float> d);
        Vector512.MultiplyAddEstimate(gate, a, Vector512.Load(s)).Store(s);
        Vector512.MultiplyAddEstimate(gate, b, Vector512.Load(s + Lanes)).Store(s + Lanes);
        Vector512.MultiplyAddEstimate(gate, c, Vector512.Load(s + 2 * Lanes)).Store(s + 2 * Lanes);
        Vector512.MultiplyAddEstimate(gate, d, Vector512.Load(s + 3 * Lanes)).Store(s + 3 * Lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddBias4x4(float* s, float* bias, long stride, Vector128<float> gate)
    {
        Transposition.Columns4x4(bias, stride, out Vector128<float> a, out Vector128<float> b, out Vector128<float> c, out Vector128<float> d);
        Vector128.MultiplyAddEstimate(gate, a, Vector128.Load(s)).Store(s);
        Vector128.MultiplyAddEstimate(gate, b, Vector128.Load(s + Lanes)).Store(s + Lanes);
        Vector128.MultiplyAddEstimate(gate, c, Vector128.Load(s + 2 * Lanes)).Store(s + 2 * Lanes);
        Vector128.MultiplyAddEstimate(gate, d, Vector128.Load(s + 3 * Lanes)).Store(s + 3 * Lanes);
    }

    private static void AddBiasRest(float* s, float* bias, long stride, float* gate, int lane, int lanes, int key, int keys)
    {
        for (; lane < lanes; lane++)
        {
            for (int j = key; j < keys; j++)
                s[j * Lanes + lane] = float.MultiplyAddEstimate(gate[lane], bias[lane * stride + j], s[j * Lanes + lane]);
        }
    }

    private static void SoftMax<TLanes, TVector>(float* s, int keys, float* maxima, float* sums, float* alpha)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        // Before all else: what was computed before the array's first use would be kept in memory over it.
        float[] terms = VectorMath.Exp2Terms;
        TVector least = TLanes.Create(terms[0]), c5 = TLanes.Create(terms[1]), c4 = TLanes.Create(terms[2]), c3 = TLanes.Create(terms[3]);
        TVector c2 = TLanes.Create(terms[4]), c1 = TLanes.Create(terms[5]), c0 = TLanes.Create(terms[6]), one = TLanes.Create(terms[7]);

        TVector before = TLanes.Load(maxima), max = before, other = before;
        int j = 0;
        for (; j + 2 <= keys; j += 2)
        {
            max = TLanes.Max(max, TLanes.Load(s + j * Lanes));
            other = TLanes.Max(other, TLanes.Load(s + (j + 1) * Lanes));
        }

        if (j < keys)
            max = TLanes.Max(max, TLanes.Load(s + j * Lanes));
        max = TLanes.Max(max, other);

        // Two at a time: the steps of one exponential fill the waits of the other.
        TVector sum = TLanes.Create(0), second = sum;
        for (j = 0; j + 2 <= keys; j += 2)
        {
            TVector p = VectorMath.Exp2<TLanes, TVector>(TLanes.Subtract(TLanes.Load(s + j * Lanes), max), least, c5, c4, c3, c2, c1, c0, one);
            TVector r = VectorMath.Exp2<TLanes, TVector>(TLanes.Subtract(TLanes.Load(s + (j + 1) * Lanes), max), least, c5, c4, c3, c2, c1, c0, one);
            TLanes.Store(p, s + j * Lanes);
            TLanes.Store(r, s + (j + 1) * Lanes);
            sum = TLanes.Add(sum, p);
            second = TLanes.Add(second, r);
        }

        if (j < keys)
        {
            TVector p = VectorMath.Exp2<TLanes, TVector>(TLanes.Subtract(TLanes.Load(s + j * Lanes), max), least, c5, c4, c3, c2, c1, c0, one);
            TLanes.Store(p, s + j * Lanes);
            sum = TLanes.Add(sum, p);
        }

        TVector shrink = VectorMath.Exp2<TLanes, TVector>(TLanes.Subtract(before, max), least, c5, c4, c3, c2, c1, c0, one);
        TLanes.Store(max, maxima);
        TLanes.Store(shrink, alpha);
        TLanes.Store(TLanes.MultiplyAdd(shrink, TLanes.Load(sums), TLanes.Add(sum, second)), sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float* Least(float* left, float* right) => left < right ? left : right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Row(
        Vector512<float> x, Vector512<float> y, Vector512<float> z, Vector512<float> w, ref Vector512<float> a, ref Vector512<float> b, ref Vector512<float> c)
    {
        a = Vector512.FusedMultiplyAdd(x, w, a);
        b = Vector512.FusedMultiplyAdd(y, w, b);
        c = Vector512.FusedMultiplyAdd(z, w, c);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Row(
        Vector256<float> x, Vector256<float> y, Vector256<float> z, Vector256<float> w, ref Vector256<float> a, ref Vector256<float> b, ref Vector256<float> c)
    {
        a = Vector256.MultiplyAddEstimate(x, w, a);
        b = Vector256.MultiplyAddEstimate(y, w, b);
        c = Vector256.MultiplyAddEstimate(z, w, c);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scaled(
        float* o, Vector512<float> x, Vector512<float> y, Vector512<float> z, out Vector512<float> a, out Vector512<float> b, out Vector512<float> c)
    {
        a = x * Vector512.Load(o);
        b = y * Vector512.Load(o + V512);
        c = z * Vector512.Load(o + 2 * V512);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scaled(
        float* o, Vector256<float> x, Vector256<float> y, Vector256<float> z, out Vector256<float> a, out Vector256<float> b, out Vector256<float> c)
    {
        a = x * Vector256.Load(o);
        b = y * Vector256.Load(o + V256);
        c = z * Vector256.Load(o + 2 * V256);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* to, Vector512<float> a, Vector512<float> b, Vector512<float> c)
    {
        a.Store(to);
        b.Store(to + V512);
        c.Store(to + 2 * V512);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* to, Vector256<float> a, Vector256<float> b, Vector256<float> c)
    {
        a.Store(to);
        b.Store(to + V256);
        c.Store(to + 2 * V256);
    }
}
