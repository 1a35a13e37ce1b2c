using AudioToken.Tensors;

namespace AudioToken.Testing;

// Normalisations.
public sealed partial class ReferenceOps
{
    /// <inheritdoc/>
    public Tensor GroupNorm(Tensor x, Weight gamma, Weight beta, int groups, float epsilon, Activation activation = Activation.None, Tensor skip = default)
    {
        Shape shape = ResultShape.GroupNorm(x, gamma, beta, groups, activation, skip);
        (int batch, int channels) = (shape[0], shape[^1]);
        int perGroup = channels / groups, positions = batch == 0 ? 0 : (int)(shape.Rows / batch);
        double[] a = Joined(x, skip), scale = Values(gamma), offset = Values(beta);
        (Tensor result, double[] y) = New(shape);
        Parallel.For(0, batch * groups, index =>
        {
            (int b, int group) = Math.DivRem(index, groups);
            int At(int position, int c) => (b * positions + position) * channels + group * perGroup + c;
            double mean = 0, variance = 0;
            for (int position = 0; position < positions; position++)
                for (int c = 0; c < perGroup; c++)
                    mean += a[At(position, c)];
            mean /= (double)positions * perGroup;
            for (int position = 0; position < positions; position++)
                for (int c = 0; c < perGroup; c++)
                    variance += Math.Pow(a[At(position, c)] - mean, 2);
            variance /= (double)positions * perGroup;
            for (int position = 0; position < positions; position++)
            {
                for (int c = 0; c < perGroup; c++)
                {
                    int channel = group * perGroup + c;
                    double normal = (a[At(position, c)] - mean) / Math.Sqrt(variance + epsilon);
                    y[At(position, c)] = Apply(activation, normal * scale[channel] + offset[channel]);
                }
            }
        });
        return result;
    }

    /// <inheritdoc/>
    public Tensor LayerNorm(Tensor x, Weight gamma, Weight beta, float epsilon)
    {
        Shape shape = ResultShape.LayerNorm(x, gamma, beta);
        int channels = shape[^1];
        double[] a = Values(x), scale = Values(gamma), offset = Values(beta);
        (Tensor result, double[] y) = New(shape);
        Parallel.For(0, (int)shape.Rows, row =>
        {
            double mean = 0, variance = 0;
            for (int c = 0; c < channels; c++)
                mean += a[row * channels + c];
            mean /= channels;
            for (int c = 0; c < channels; c++)
                variance += Math.Pow(a[row * channels + c] - mean, 2);
            variance /= channels;
            for (int c = 0; c < channels; c++)
                y[row * channels + c] = (a[row * channels + c] - mean) / Math.Sqrt(variance + epsilon) * scale[c] + offset[c];
        });
        return result;
    }
}
