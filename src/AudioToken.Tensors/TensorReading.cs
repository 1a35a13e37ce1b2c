namespace AudioToken.Tensors;

/// <summary>Short forms of <see cref="ITensorOps.Download"/>.</summary>
public static class TensorReading
{
    /// <summary>A tensor's values, in an array of their own.</summary>
    /// <param name="ops">The backend that holds it.</param>
    /// <param name="tensor">A float tensor.</param>
    public static float[] Values(this ITensorOps ops, Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(ops);
        float[] values = new float[tensor.Shape.Count];
        ops.Download(tensor, values);
        return values;
    }
}
