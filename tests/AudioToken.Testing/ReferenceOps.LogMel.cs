using AudioToken.Tensors;

namespace AudioToken.Testing;

public sealed partial class ReferenceOps
{
    /// <inheritdoc/>
    public Tensor LogMel(ReadOnlySpan<float> samples, LogMelForm form)
    {
        (Tensor result, double[] y) = New(ResultShape.LogMel(samples.Length, form));
        for (int i = 0; i < y.Length; i++)
        {
            (int frame, int filter) = (i / form.Filters.Count, i % form.Filters.Count);
            double energy = 0;
            for (int k = 0; k < form.Filters[filter].Weights.Length; k++)
                energy += form.Filters[filter].Weights.Span[k] * Power(samples.Slice(frame * form.FrameShift, form.FrameLength), form, form.Filters[filter].FirstBin + k);
            y[i] = (Math.Log(Math.Max(energy, form.EnergyFloor)) - form.Mean) / form.Divisor;
        }

        return result;
    }

    private static double Power(ReadOnlySpan<float> frame, LogMelForm form, int bin)
    {
        double mean = 0, re = 0, im = 0;
        foreach (float sample in frame)
            mean += sample;
        mean /= frame.Length;
        for (int n = 0; n < frame.Length; n++)
        {
            double z = (frame[n] - mean - form.Preemphasis * (frame[Math.Max(n - 1, 0)] - mean)) * form.Window.Span[n];
            (double sin, double cos) = Math.SinCos(-2 * Math.PI * (bin * n % form.TransformSize) / form.TransformSize);
            (re, im) = (re + z * cos, im + z * sin);
        }

        return re * re + im * im;
    }
}
