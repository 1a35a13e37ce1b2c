using AudioToken.Tensors;

namespace AudioToken.Testing;

/// <summary>Gives a backend only values that a narrow storage type holds: so a half-precision backend and the float64 reference compute on
/// the same operands, and differ by what the arithmetic and the storing of results add.</summary>
/// <param name="inner">Either of the two.</param>
/// <param name="storage">F16 or BF16.</param>
public sealed class RoundedOps(ITensorOps inner, DType storage) : TransparentOps(inner)
{
    /// <summary>The largest relative error of storing a value: half a unit in the last place.</summary>
    public static double Roundoff(DType storage) => storage switch
    {
        DType.F16 => 1.0 / (1 << 11),
        DType.BF16 => 1.0 / (1 << 8),
        _ => 0,
    };

    /// <inheritdoc/>
    public override Tensor Upload(ReadOnlySpan<float> values, Shape shape) => base.Upload(Round(values.ToArray(), storage), shape);

    /// <inheritdoc/>
    public override Weight LoadWeight(WeightSource source, WeightRole role) =>
        base.LoadWeight(role == WeightRole.Vector ? source : new ArrayWeightSource(source.Name, source.Shape, Round(source.ReadAll(), storage)), role);

    /// <summary>Rounds values, in place, to those that a narrow type holds; ties to even in half precision. To fp32 they stay.</summary>
    public static float[] Round(float[] values, DType storage)
    {
        Round(values.AsSpan(), storage);
        return values;
    }

    /// <summary>Rounds values, in place, to those that a narrow type holds.</summary>
    public static void Round(Span<float> values, DType storage)
    {
        if (storage == DType.F32)
            return;
        for (int i = 0; i < values.Length; i++)
        {
            // Bfloat16: half a unit in its last place is added, and what lies below is cut off. Ties do not matter to a draw.
            uint bits = BitConverter.SingleToUInt32Bits(values[i]);
            values[i] = storage == DType.F16 ? (float)(Half)values[i] : BitConverter.UInt32BitsToSingle((bits + 0x8000) & 0xFFFF0000);
        }
    }

    /// <inheritdoc/>
    protected override void Before(string operation)
    {
    }
}
