using AudioToken.Tensors;

namespace AudioToken.Testing;

// Matrix products and convolutions.
public sealed partial class ReferenceOps
{
    /// <inheritdoc/>
    public Tensor Linear(Tensor x, Weight weight, in Epilogue epilogue)
    {
        Shape shape = ResultShape.Linear(x, weight, epilogue);
        (int n, int k) = (weight.Shape[0], weight.Shape[1]);
        int rows = (int)(x.Shape.Count / k);
        double[] a = Values(x), w = Values(weight), sums = new double[(long)rows * n];
        Parallel.For(0, rows, row =>
        {
            for (int column = 0; column < n; column++)
            {
                double sum = 0;
                for (int i = 0; i < k; i++)
                    sum += a[row * k + i] * w[column * k + i];
                sums[row * n + column] = sum;
            }
        });
        return Finish(sums, x.Shape.Rank > 1 ? x.Shape[0] : 1, n, shape, epilogue);
    }

    /// <inheritdoc/>
    public Tensor Conv2d(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, Tensor skip = default)
    {
        Shape shape = ResultShape.Conv2d(x, weight, geometry, epilogue, skip);
        ConvGeometry g = geometry;
        (int batch, int height, int width) = (x.Shape[0], x.Shape[1], x.Shape[2]);
        (int channels, int kh, int kw) = (weight.Shape[1], weight.Shape[2], weight.Shape[3]);
        double[] a = Joined(x, skip), w = Values(weight);
        (int tall, int wide) = g.UpsampleHeight > 0 ? (g.UpsampleHeight, g.UpsampleWidth) : (height, width);
        (int outHeight, int outWidth, int n) = (shape[1], shape[2], shape[3]);
        double[] sums = new double[shape.Count];
        Parallel.For(0, batch * outHeight, line =>
        {
            (int b, int oy) = Math.DivRem(line, outHeight);
            for (int ox = 0; ox < outWidth; ox++)
            {
                for (int o = 0; o < n; o++)
                {
                    double sum = 0;
                    for (int ky = 0; ky < kh; ky++)
                    {
                        int row = oy * g.Stride - g.PadTop + ky;
                        for (int kx = 0; kx < kw; kx++)
                        {
                            int column = ox * g.Stride - g.PadLeft + kx;
                            if (row < 0 || row >= tall || column < 0 || column >= wide)
                                continue;
                            int sourceRow = (int)((long)row * height / tall), sourceColumn = (int)((long)column * width / wide);
                            for (int c = 0; c < channels; c++)
                                sum += a[((b * height + sourceRow) * width + sourceColumn) * channels + c] * w[((o * channels + c) * kh + ky) * kw + kx];
                        }
                    }

                    sums[(line * outWidth + ox) * n + o] = sum;
                }
            }
        });
        return Finish(sums, batch, n, shape, epilogue);
    }

    /// <inheritdoc/>
    public Tensor GroupedConv1d(Tensor x, Weight weight, int groups, int padding, in Epilogue epilogue)
    {
        Shape shape = ResultShape.GroupedConv1d(x, weight, groups, padding, epilogue);
        (int batch, int length, int channels) = (x.Shape[0], x.Shape[1], x.Shape[2]);
        (int perGroup, int taps) = (channels / groups, weight.Shape[2]);
        double[] a = Values(x), w = Values(weight), sums = new double[shape.Count];
        Parallel.For(0, batch * length, row =>
        {
            (int b, int t) = Math.DivRem(row, length);
            for (int o = 0; o < channels; o++)
            {
                double sum = 0;
                int first = o / perGroup * perGroup;
                for (int c = 0; c < perGroup; c++)
                {
                    for (int tap = 0; tap < taps; tap++)
                    {
                        int at = t + tap - padding;
                        if (at >= 0 && at < length)
                            sum += a[(b * length + at) * channels + first + c] * w[(o * perGroup + c) * taps + tap];
                    }
                }

                sums[row * channels + o] = sum;
            }
        });
        return Finish(sums, batch, channels, shape, epilogue);
    }

    // y = scale * act(sum + bias + shift) + residualScale * residual.
    private Tensor Finish(double[] sums, int samples, int n, Shape shape, in Epilogue epilogue)
    {
        double[]? bias = epilogue.Bias is null ? null : Values(epilogue.Bias);
        double[]? shift = epilogue.ChannelShift.IsEmpty ? null : Values(epilogue.ChannelShift);
        double[]? residual = epilogue.Residual.IsEmpty ? null : Values(epilogue.Residual);
        int rows = n == 0 ? 0 : sums.Length / n, rowsPerSample = samples == 0 ? 1 : Math.Max(rows / samples, 1);
        for (int row = 0; row < rows; row++)
        {
            int shiftRow = shift is null || shift.Length == n ? 0 : row / rowsPerSample;
            for (int column = 0; column < n; column++)
                sums[row * n + column] += (bias?[column] ?? 0) + (shift?[shiftRow * n + column] ?? 0);
        }

        (Tensor result, double[] y) = New(shape);
        int columns = shape[^1];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                double value = epilogue.Activation == Activation.Geglu
                    ? sums[row * n + column] * Apply(Activation.Gelu, sums[row * n + columns + column])
                    : Apply(epilogue.Activation, sums[row * n + column]);
                y[row * columns + column] = (epilogue.EffectiveScale * value)
                    + (residual is null ? 0 : epilogue.EffectiveResidualScale * residual[row * columns + column]);
            }
        }

        return result;
    }

    // Two sources joined along the channels, or one as it is.
    private static double[] Joined(Tensor x, Tensor skip)
    {
        double[] a = Values(x);
        if (skip.IsEmpty)
            return a;
        double[] b = Values(skip), joined = new double[a.Length + b.Length];
        (int first, int second) = (x.Shape[^1], skip.Shape[^1]);
        for (int row = 0; row < x.Shape.Rows; row++)
        {
            Array.Copy(a, row * first, joined, row * (first + second), first);
            Array.Copy(b, row * second, joined, row * (first + second) + first, second);
        }

        return joined;
    }
}
