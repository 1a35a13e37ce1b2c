using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Pipelines;

/// <summary>Copies to the host that stop at NaN or infinity, so that no stage hands them on and no black picture is written.</summary>
internal static class Finite
{
    /// <summary>A tensor's values, into memory that is there already; allocates nothing.</summary>
    /// <param name="ops">The operations.</param>
    /// <param name="tensor">The tensor.</param>
    /// <param name="stage">Its name in a trace.</param>
    /// <param name="values">Room for all values.</param>
    /// <exception cref="NumericFaultException">A value is not finite; the stage is named.</exception>
    public static void Download(ITensorOps ops, Tensor tensor, string stage, Span<float> values)
    {
        ops.Download(tensor, values);
        if (NonFinite.FirstIn(values) is >= 0 and int at)
            throw Fault(stage, values[at], at, tensor.Shape);
    }

    /// <summary>A picture's bytes (<see cref="ITensorOps.ReadPixels"/>), for those who know what to do about a fault.</summary>
    /// <returns>What is wrong with the picture, as <see cref="Download"/> would throw it, or null.</returns>
    public static NumericFaultException? TryReadPixels(ITensorOps ops, Tensor tensor, string stage, Span<byte> pixels)
    {
        if (ops.ReadPixels(tensor, pixels) is not (>= 0 and int at))
            return null;
        Span<float> value = [0];
        ops.Download(tensor.Reshape([pixels.Length]).Slice(at, 1), value);
        return Fault(stage, value[0], at, tensor.Shape);
    }

    /// <summary>Waits for what <see cref="ITensorOps.FirstFault"/> found.</summary>
    /// <param name="ops">The operations.</param>
    /// <param name="fault">Its result; the mark is a step's number, counted from 1.</param>
    /// <param name="stage">The stage's name in a trace.</param>
    /// <param name="shape">Of the tensors looked at.</param>
    /// <exception cref="NumericFaultException">It found something.</exception>
    public static void Require(ITensorOps ops, Tensor fault, string stage, Shape shape)
    {
        Span<float> found = stackalloc float[3];
        ops.Download(fault, found);
        if (found[0] > 0)
            throw Fault(GenerationTrace.Numbered(stage, (int)found[0] - 1), found[2], (int)found[1], shape);
    }

    private static NumericFaultException Fault(string name, float value, int at, Shape shape) => new(
        name,
        string.Create(CultureInfo.InvariantCulture, $"{name} holds {value} at {at} of {shape}"),
        "'--trace FILE' shows where it began; weights are checked as they are loaded, so look at the sound and at --cfg-scale");
}
