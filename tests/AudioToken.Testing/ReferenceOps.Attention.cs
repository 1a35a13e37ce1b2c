using AudioToken.Tensors;

namespace AudioToken.Testing;

// Attention and the pieces around it.
public sealed partial class ReferenceOps
{
    /// <inheritdoc/>
    public Tensor Attention(Tensor q, Tensor k, Tensor v, in AttentionOptions options)
    {
        Shape shape = ResultShape.Attention(q, k, v, options);
        (int batch, int queries, int columns) = (shape[0], shape[1], shape[2]);
        (int heads, int keys, bool causal, double scale) = (options.Heads, k.Shape[1], options.Causal, options.Scale);
        int width = columns / heads;
        double[] qs = Values(q), ks = Values(k), vs = Values(v);
        double[]? bias = options.Bias.IsEmpty ? null : Values(options.Bias);
        double[]? gate = options.BiasGate.IsEmpty ? null : Values(options.BiasGate);
        (Tensor result, double[] y) = New(shape);
        Parallel.For(0, batch * heads * queries, index =>
        {
            int i = index % queries, head = index / queries % heads, b = index / queries / heads;
            int seen = causal ? Math.Min(i + 1, keys) : keys;
            double[] scores = new double[seen];
            for (int j = 0; j < seen; j++)
            {
                double dot = 0;
                for (int c = 0; c < width; c++)
                    dot += qs[(b * queries + i) * columns + head * width + c] * ks[(b * keys + j) * columns + head * width + c];
                scores[j] = scale * dot;
                if (bias is not null)
                    scores[j] += (gate?[(b * queries + i) * heads + head] ?? 1) * bias[(head * queries + i) * keys + j];
            }

            SoftMax(scores);
            for (int c = 0; c < width; c++)
            {
                double sum = 0;
                for (int j = 0; j < seen; j++)
                    sum += scores[j] * vs[(b * keys + j) * columns + head * width + c];
                y[(b * queries + i) * columns + head * width + c] = sum;
            }
        });
        return result;
    }

    /// <inheritdoc/>
    public Tensor RelativePositionBias(Weight table, Tensor buckets)
    {
        Shape shape = ResultShape.RelativePositionBias(table, buckets);
        (int heads, int length) = (shape[0], shape[1]);
        double[] rows = Values(table), bucket = Values(buckets);
        foreach (double row in bucket)
        {
            if (row < 0 || row >= table.Shape[0])
                ResultShape.ThrowUnknownBucket((int)row, table);
        }

        (Tensor result, double[] y) = New(shape);
        for (int head = 0; head < heads; head++)
            for (int i = 0; i < length; i++)
                for (int j = 0; j < length; j++)
                    y[(head * length + i) * length + j] = rows[(int)bucket[j - i + length - 1] * heads + head];
        return result;
    }

    /// <inheritdoc/>
    public Tensor RelativePositionGate(Tensor projected, Weight scale)
    {
        Shape shape = ResultShape.RelativePositionGate(projected, scale);
        double[] a = Values(projected), factor = Values(scale);
        (Tensor result, double[] y) = New(shape);
        for (int i = 0; i < y.Length; i++)
        {
            double first = a[8 * i] + a[8 * i + 1] + a[8 * i + 2] + a[8 * i + 3];
            double second = a[8 * i + 4] + a[8 * i + 5] + a[8 * i + 6] + a[8 * i + 7];
            y[i] = Sigmoid(first) * (Sigmoid(second) * factor[i % factor.Length] - 1) + 2;
        }

        return result;
    }

    /// <inheritdoc/>
    public Tensor MeanCosine(Tensor x, Tensor y)
    {
        Shape shape = ResultShape.MeanCosine(x, y);
        (int batch, int length, int width) = (x.Shape[0], x.Shape[1], x.Shape[2]);
        double[] xs = Values(x), ys = Values(y);
        (Tensor result, double[] s) = New(shape);
        for (int b = 0; b < batch; b++)
        {
            for (int i = 0; i < length; i++)
            {
                // The mean over all pairs as the formula has it, not its cheap form.
                double sum = 0;
                for (int j = 0; j < length; j++)
                {
                    double dot = 0, xx = 0, yy = 0;
                    for (int c = 0; c < width; c++)
                    {
                        (double left, double right) = (xs[(b * length + i) * width + c], ys[(b * length + j) * width + c]);
                        dot += left * right;
                        xx += left * left;
                        yy += right * right;
                    }

                    sum += dot / (Math.Max(Math.Sqrt(xx), 1e-12) * Math.Max(Math.Sqrt(yy), 1e-12));
                }

                s[b * length + i] = sum / length;
            }
        }

        return result;
    }

    /// <inheritdoc/>
    public Tensor AttentionPool(Tensor values, Tensor scores)
    {
        Shape shape = ResultShape.AttentionPool(values, scores);
        (int batch, int length, int width) = (values.Shape[0], values.Shape[1], values.Shape[2]);
        double[] a = Values(values), z = Values(scores);
        (Tensor result, double[] y) = New(shape);
        for (int b = 0; b < batch; b++)
        {
            Span<double> p = z.AsSpan(b * length, length);
            SoftMax(p);
            for (int c = 0; c < width; c++)
                for (int t = 0; t < length; t++)
                    y[b * width + c] += p[t] * a[(b * length + t) * width + c];
        }

        return result;
    }

    private static void SoftMax(Span<double> scores)
    {
        double max = double.NegativeInfinity, sum = 0;
        foreach (double score in scores)
            max = Math.Max(max, score);
        foreach (ref double score in scores)
        {
            score = Math.Exp(score - max);
            sum += score;
        }

        foreach (ref double score in scores)
            score /= sum;
    }
}
