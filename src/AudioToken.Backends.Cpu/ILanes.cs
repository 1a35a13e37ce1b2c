namespace AudioToken.Backends.Cpu;

/// <summary>Arithmetic on one vector type, so that a formula is written once for every width.</summary>
/// <remarks>The vector is the type argument itself, not a wrapper: after inlining the code is that of the bare instructions.</remarks>
/// <typeparam name="TVector">A vector of floats, or a float.</typeparam>
internal unsafe interface ILanes<TVector>
    where TVector : unmanaged
{
    /// <summary>Floats in a vector.</summary>
    static abstract int Count { get; }

    /// <summary>The same value in each lane.</summary>
    static abstract TVector Create(float value);

    /// <summary>Reads a vector; no alignment needed.</summary>
    static abstract TVector Load(float* source);

    /// <summary>Writes a vector; no alignment needed.</summary>
    static abstract void Store(TVector value, float* destination);

    /// <summary>a + b.</summary>
    static abstract TVector Add(TVector a, TVector b);

    /// <summary>a - b.</summary>
    static abstract TVector Subtract(TVector a, TVector b);

    /// <summary>a b.</summary>
    static abstract TVector Multiply(TVector a, TVector b);

    /// <summary>a / b.</summary>
    static abstract TVector Divide(TVector a, TVector b);

    /// <summary>a b + c, rounded once where the processor can.</summary>
    static abstract TVector MultiplyAdd(TVector a, TVector b, TVector c);

    /// <summary>The smaller; <paramref name="b"/> if it is NaN.</summary>
    static abstract TVector Min(TVector a, TVector b);

    /// <summary>The larger; <paramref name="b"/> if it is NaN.</summary>
    static abstract TVector Max(TVector a, TVector b);

    /// <summary>The sum of the lanes, in an order that the width fixes.</summary>
    static abstract float Sum(TVector a);

    /// <summary>The largest lane.</summary>
    static abstract float Largest(TVector a);

    /// <summary>Without the sign.</summary>
    static abstract TVector Abs(TVector a);

    /// <summary>To the nearest whole number, ties to even.</summary>
    static abstract TVector Round(TVector a);

    /// <summary>a 2^n for a whole number n from -252 to 254, through the subnormals to zero and up to infinity.</summary>
    static abstract TVector Scale(TVector a, TVector n);

    /// <summary>Reads as many finite F16 values, exactly.</summary>
    static abstract TVector WidenHalf(ushort* source);

    /// <summary>Reads as many BF16 values, exactly.</summary>
    static abstract TVector WidenBFloat16(ushort* source);
}
