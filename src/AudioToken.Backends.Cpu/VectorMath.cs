using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>Exponential and activations on vectors of any width.</summary>
/// <remarks>The polynomials are our own minimax fits; the bounds stated are checked against float64 in the tests.</remarks>
internal static class VectorMath
{
    private const float Exp2Least = -151f;
    private const float Exp2C5 = 0.00015353361959569156f, Exp2C4 = 0.0013398875016719103f, Exp2C3 = 0.00961843691766262f;
    private const float Exp2C2 = 0.055503323674201965f, Exp2C1 = 0.24022647738456726f, Exp2C0 = 0.6931471824645996f;

    /// <summary>What <see cref="Exp2{TLanes, TVector}(TVector, TVector, TVector, TVector, TVector, TVector, TVector, TVector, TVector)"/> takes, in its order.</summary>
    /// <remarks>What the compiler knows to be constant it reads from memory at each use, nine times an exponential. A loop that does little else waits for that; what it
    /// has read from here before stays in registers.</remarks>
    public static readonly float[] Exp2Terms = [Exp2Least, Exp2C5, Exp2C4, Exp2C3, Exp2C2, Exp2C1, Exp2C0, 1f];

    /// <summary>e^x, within 2 units in the last place of a normal result; 0 below -104, infinity above 89, NaN for NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x) => Exp<Lanes512, Vector512<float>>(x);

    /// <inheritdoc cref="Exp(Vector512{float})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Exp(Vector256<float> x) => Exp<Lanes256, Vector256<float>>(x);

    /// <inheritdoc cref="Exp(Vector512{float})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Exp(Vector128<float> x) => Exp<Lanes128, Vector128<float>>(x);

    /// <inheritdoc cref="Exp(Vector512{float})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp<TLanes, TVector>(TVector x)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        // x = n ln 2 + r with |r| <= ln 2 / 2; ln 2 in two parts, the first exact in products with n.
        x = TLanes.Min(TLanes.Create(89f), TLanes.Max(TLanes.Create(-104.5f), x));
        TVector n = TLanes.Round(TLanes.Multiply(x, TLanes.Create(1.44269504f)));
        TVector r = TLanes.MultiplyAdd(n, TLanes.Create(-0.693359375f), x);
        r = TLanes.MultiplyAdd(n, TLanes.Create(2.12194440e-4f), r);

        // e^r = 1 + r + r^2 q(r), q of degree 4: relative error of the fit 3.1e-9.
        TVector q = TLanes.Create(0.001381461275741458f);
        q = TLanes.MultiplyAdd(q, r, TLanes.Create(0.008368710055947304f));
        q = TLanes.MultiplyAdd(q, r, TLanes.Create(0.04166838899254799f));
        q = TLanes.MultiplyAdd(q, r, TLanes.Create(0.1666652113199234f));
        q = TLanes.MultiplyAdd(q, r, TLanes.Create(0.4999999403953552f));
        TVector p = TLanes.Add(TLanes.MultiplyAdd(TLanes.Multiply(r, r), q, r), TLanes.Create(1f));
        return TLanes.Scale(p, n);
    }

    /// <summary>2^x for x up to 127, within 2 units in the last place of a normal result; 0 below -151, NaN for NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp2<TLanes, TVector>(TVector x)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
        => Exp2<TLanes, TVector>(
            x, TLanes.Create(Exp2Least), TLanes.Create(Exp2C5), TLanes.Create(Exp2C4), TLanes.Create(Exp2C3),
            TLanes.Create(Exp2C2), TLanes.Create(Exp2C1), TLanes.Create(Exp2C0), TLanes.Create(1f));

    /// <summary>The same with each of <see cref="Exp2Terms"/> at hand.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp2<TLanes, TVector>(TVector x, TVector least, TVector c5, TVector c4, TVector c3, TVector c2, TVector c1, TVector c0, TVector one)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        x = TLanes.Max(least, x);
        TVector n = TLanes.Round(x), r = TLanes.Subtract(x, n);

        // 2^r = 1 + r q(r) for |r| <= 1/2, q of degree 5: relative error of the fit 1.6e-8.
        TVector q = TLanes.MultiplyAdd(c5, r, c4);
        q = TLanes.MultiplyAdd(q, r, c3);
        q = TLanes.MultiplyAdd(q, r, c2);
        q = TLanes.MultiplyAdd(q, r, c1);
        q = TLanes.MultiplyAdd(q, r, c0);
        return TLanes.Scale(TLanes.MultiplyAdd(q, r, one), n);
    }

    /// <summary>1 / (1 + e^-x), relative error at most 4e-7 where it is a normal number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Sigmoid<TLanes, TVector>(TVector x)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        TVector one = TLanes.Create(1f);
        return TLanes.Divide(one, TLanes.Add(one, Exp<TLanes, TVector>(TLanes.Subtract(TLanes.Create(0f), x))));
    }

    /// <summary>x / (1 + e^-x), relative error at most 4e-7 where it is a normal number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Silu<TLanes, TVector>(TVector x)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
        => TLanes.Divide(x, TLanes.Add(TLanes.Create(1f), Exp<TLanes, TVector>(TLanes.Subtract(TLanes.Create(0f), x))));

    /// <summary>x / (1 + e^(-1.702 x)), relative error at most 1e-6 where it is a normal number and |x| &lt; 8.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector QuickGelu<TLanes, TVector>(TVector x)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
        => TLanes.Divide(x, TLanes.Add(TLanes.Create(1f), Exp<TLanes, TVector>(TLanes.Multiply(TLanes.Create(-1.702f), x))));

    /// <summary>x (1 + erf(x / sqrt 2)) / 2, error at most 1e-7 plus one unit in the last place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Gelu<TLanes, TVector>(TVector x)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        // max(x, 0) - |x| erfc(|x| / sqrt 2) / 2 cancels nowhere.
        TVector t = TLanes.Abs(x), erfc = Erfc<TLanes, TVector>(t);
        TVector tail = TLanes.Multiply(TLanes.Multiply(TLanes.Create(-0.5f), t), erfc);
        return TLanes.Add(TLanes.Max(TLanes.Create(0f), x), tail);
    }

    /// <summary>Any of the pointwise activations; the caller has dealt with <see cref="Activation.Geglu"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TLanes, TVector>(TVector x, Activation activation)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
        => activation switch
        {
            Activation.Silu => Silu<TLanes, TVector>(x),
            Activation.Gelu => Gelu<TLanes, TVector>(x),
            Activation.QuickGelu => QuickGelu<TLanes, TVector>(x),
            Activation.Relu => TLanes.Max(TLanes.Create(0f), x),
            _ => x,
        };

    /// <summary>Derivative of any of the pointwise activations, error at most 1e-6; that of ReLU is 0 up to zero and 1 from the smallest normal number on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Derivative<TLanes, TVector>(TVector x, Activation activation)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
        => activation switch
        {
            Activation.Silu => SigmoidProductDerivative<TLanes, TVector>(x, 1f),
            Activation.QuickGelu => SigmoidProductDerivative<TLanes, TVector>(x, 1.702f),
            Activation.Gelu => GeluDerivative<TLanes, TVector>(x),
            Activation.Relu => TLanes.Max(TLanes.Create(0f), Sign<TLanes, TVector>(x)),
            _ => TLanes.Create(1f),
        };

    // y = x s(a x): y' = s + a x s (1 - s), and 1 - s = e^(-a x) s without cancelling; the limit keeps that product finite.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector SigmoidProductDerivative<TLanes, TVector>(TVector x, float a)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        TVector scaled = TLanes.Multiply(TLanes.Create(a), x), one = TLanes.Create(1f);
        TVector power = Exp<TLanes, TVector>(TLanes.Min(TLanes.Create(88f), TLanes.Subtract(TLanes.Create(0f), scaled)));
        TVector s = TLanes.Divide(one, TLanes.Add(one, power));
        return TLanes.MultiplyAdd(TLanes.Multiply(scaled, TLanes.Multiply(power, s)), s, s);
    }

    // y = x N(x): y' = N + x n, with N = (1 + sign(x) (1 - erfc(|x| / sqrt 2))) / 2 and n the normal density.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector GeluDerivative<TLanes, TVector>(TVector x)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        TVector one = TLanes.Create(1f), half = TLanes.Create(0.5f);
        TVector erf = TLanes.Subtract(one, Erfc<TLanes, TVector>(TLanes.Abs(x)));
        TVector share = TLanes.MultiplyAdd(TLanes.Multiply(half, Sign<TLanes, TVector>(x)), erf, half);
        TVector density = Exp<TLanes, TVector>(TLanes.Multiply(TLanes.Multiply(TLanes.Create(-0.5f), x), x));
        return TLanes.MultiplyAdd(TLanes.Multiply(TLanes.Create(0.3989422804f), x), density, share);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Sign<TLanes, TVector>(TVector x)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
        => TLanes.Max(TLanes.Create(-1f), TLanes.Min(TLanes.Create(1f), TLanes.Multiply(x, TLanes.Create(1e38f))));

    // erfc(t / sqrt 2) for t >= 0. Its logarithm, to base 2, is nearly a parabola; the fit on [0, 8] leaves an error of 9e-9 in t erfc / 2. Beyond 8 the term is
    // below 1e-13.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Erfc<TLanes, TVector>(TVector t)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        TVector c = TLanes.Min(TLanes.Create(8f), t);
        TVector p = TLanes.Create(-1.90206617e-06f);
        p = TLanes.MultiplyAdd(p, c, TLanes.Create(2.80569475e-05f));
        p = TLanes.MultiplyAdd(p, c, TLanes.Create(-0.000131473251f));
        p = TLanes.MultiplyAdd(p, c, TLanes.Create(-0.000272075675f));
        p = TLanes.MultiplyAdd(p, c, TLanes.Create(0.00724542094f));
        p = TLanes.MultiplyAdd(p, c, TLanes.Create(-0.0526276119f));
        p = TLanes.MultiplyAdd(p, c, TLanes.Create(-0.459162176f));
        p = TLanes.MultiplyAdd(p, c, TLanes.Create(-1.15111101f));
        return Exp2<TLanes, TVector>(TLanes.Multiply(p, c));
    }
}
