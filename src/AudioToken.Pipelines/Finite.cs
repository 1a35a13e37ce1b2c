using AudioToken.Tensors;

namespace AudioToken.Pipelines;

/// <summary>Copies to the host that stop at NaN or infinity, so that no stage hands them on and no black picture is written.</summary>
internal static class Finite
{
    /// <summary>A tensor's values.</summary>
    /// <exception cref="NumericFaultException">One of them is not finite; the stage is named.</exception>
    public static float[] Download(ITensorOps ops, Tensor tensor, string stage)
    {
        float[] values = new float[tensor.Shape.Count];
        Download(ops, tensor, stage, values);
        return values;
    }

    /// <summary>A tensor's values, into memory that is there already.</summary>
    /// <exception cref="NumericFaultException">One of them is not finite; the stage is named.</exception>
    public static void Download(ITensorOps ops, Tensor tensor, string stage, Span<float> values)
    {
        ops.Download(tensor, values);
        for (int i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
            {
                throw new NumericFaultException(
                    stage, $"{stage} holds {values[i]} at {i} of {tensor.Shape}", "'--trace FILE' shows where it began; weights are checked as they are loaded, so look at the sound and at --cfg-scale");
            }
        }
    }
}
