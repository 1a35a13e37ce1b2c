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
    /// <param name="step">Its number there, or -1 if it has none.</param>
    /// <param name="values">Room for all values.</param>
    /// <exception cref="NumericFaultException">A value is not finite; the stage and step are named.</exception>
    public static void Download(ITensorOps ops, Tensor tensor, string stage, int step, Span<float> values)
    {
        ops.Download(tensor, values);
        if (FirstOther(values) is not (>= 0 and int at))
            return;
        string name = step < 0 ? stage : GenerationTrace.Numbered(stage, step);
        throw new NumericFaultException(
            name,
            string.Create(CultureInfo.InvariantCulture, $"{name} holds {values[at]} at {at} of {tensor.Shape}"),
            "'--trace FILE' shows where it began; weights are checked as they are loaded, so look at the sound and at --cfg-scale");
    }

    /// <summary>Index of the first value that is NaN or infinite, or -1.</summary>
    public static int FirstOther(ReadOnlySpan<float> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
                return i;
        }

        return -1;
    }
}
