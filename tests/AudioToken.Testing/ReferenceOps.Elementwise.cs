using AudioToken.Tensors;

namespace AudioToken.Testing;

// Functions of single elements, sums, joins and embeddings.
public sealed partial class ReferenceOps
{
    /// <summary>An activation in double precision.</summary>
    public static double Apply(Activation activation, double x) => activation switch
    {
        Activation.None => x,
        Activation.Silu => x * Sigmoid(x),
        Activation.Gelu => x * 0.5 * Erfc(-x / Math.Sqrt(2)),
        Activation.QuickGelu => x * Sigmoid(1.702 * x),
        Activation.Relu => Math.Max(x, 0),
        _ => throw new ShapeException($"{activation} is not a function of one element."),
    };

    /// <inheritdoc/>
    public Tensor Activate(Tensor x, Activation activation)
    {
        (Tensor result, double[] y) = New(ResultShape.Activate(x, activation));
        double[] a = Values(x);
        for (int i = 0; i < y.Length; i++)
            y[i] = Apply(activation, a[i]);
        return result;
    }

    /// <inheritdoc/>
    public Tensor WeightedSum(ReadOnlySpan<WeightedTensor> terms)
    {
        (Tensor result, double[] y) = New(ResultShape.WeightedSum(terms));
        foreach (WeightedTensor term in terms)
        {
            double[] a = Values(term.Tensor);
            for (int i = 0; i < y.Length; i++)
                y[i] += a[i] * term.Factor;
        }

        return result;
    }

    /// <inheritdoc/>
    public void Assign(Tensor target, Tensor value)
    {
        ResultShape.Assign(target, value);
        Values(value).CopyTo(((ReferenceStorage)target.Storage).Values, target.Offset);
    }

    /// <inheritdoc/>
    public Tensor Clamp(Tensor x, float low, float high)
    {
        (Tensor result, double[] y) = New(ResultShape.Clamp(x, low, high));
        double[] a = Values(x);
        for (int i = 0; i < y.Length; i++)
            y[i] = Math.Min(Math.Max(a[i], low), high);
        return result;
    }

    /// <inheritdoc/>
    public Tensor Concat(ReadOnlySpan<Tensor> parts)
    {
        Shape shape = ResultShape.Concat(parts);
        (Tensor result, double[] y) = New(shape);
        int start = 0;
        foreach (Tensor part in parts)
        {
            double[] a = Values(part);
            int columns = part.Shape[^1];
            for (int row = 0; row < shape.Rows; row++)
                Array.Copy(a, row * columns, y, row * shape[^1] + start, columns);
            start += columns;
        }

        return result;
    }

    /// <inheritdoc/>
    public Tensor RepeatBatch(Tensor x, int times)
    {
        (Tensor result, double[] y) = New(ResultShape.RepeatBatch(x, times));
        double[] a = Values(x);
        for (int i = 0; i < times; i++)
            a.CopyTo(y, i * a.Length);
        return result;
    }

    /// <inheritdoc/>
    public Tensor TimestepEmbedding(Tensor timesteps, int width, bool cosineFirst, float frequencyShift)
    {
        (Tensor result, double[] y) = New(ResultShape.TimestepEmbedding(timesteps, width, frequencyShift));
        double[] t = Values(timesteps);
        int half = width / 2;
        for (int s = 0; s < t.Length; s++)
        {
            for (int i = 0; i < half; i++)
            {
                double angle = t[s] * Math.Exp(-Math.Log(10000) * i / (half - frequencyShift));
                y[s * width + i] = cosineFirst ? Math.Cos(angle) : Math.Sin(angle);
                y[s * width + half + i] = cosineFirst ? Math.Sin(angle) : Math.Cos(angle);
            }
        }

        return result;
    }

    /// <inheritdoc/>
    public Tensor TokenEmbedding(Tensor ids, Weight tokens, Weight positions, int placeholderId, Tensor placeholder)
    {
        Shape shape = ResultShape.TokenEmbedding(ids, tokens, positions, placeholder);
        (int batch, int length, int width) = (shape[0], shape[1], shape[2]);
        double[] id = Values(ids), table = Values(tokens), place = Values(positions);
        double[] stand = placeholder.IsEmpty ? [] : Values(placeholder);
        int stands = ResultShape.Placeholders(placeholder);
        (Tensor result, double[] y) = New(shape);
        for (int row = 0; row < batch * length; row++)
        {
            int token = (int)id[row];
            bool isPlaceholder = placeholderId >= 0 && token >= placeholderId && token - placeholderId < stands;
            if (isPlaceholder ? stand.Length == 0 : token < 0 || token >= tokens.Shape[0])
                ResultShape.ThrowUnknownToken(token, tokens, placeholderId);
            (double[] source, int sourceRow) = isPlaceholder ? (stand, (placeholder.Shape[0] == 1 ? 0 : row / length * stands) + token - placeholderId) : (table, token);
            for (int c = 0; c < width; c++)
                y[row * width + c] = source[sourceRow * width + c] + place[row % length * width + c];
        }

        return result;
    }

    private static double Sigmoid(double x) => x >= 0 ? 1 / (1 + Math.Exp(-x)) : Math.Exp(x) / (1 + Math.Exp(x));

    // Complementary error function to double precision: the Maclaurin series where it converges without cancellation,
    // else the continued fraction by Lentz's method (Abramowitz and Stegun 7.1.5, 7.1.14).
    private static double Erfc(double x)
    {
        if (x < 0)
            return 2 - Erfc(-x);
        if (x < 2)
        {
            double term = x, sum = x;
            for (int n = 1; Math.Abs(term) > 1e-18 * Math.Abs(sum); n++)
            {
                term *= -x * x / n;
                sum += term / (2 * n + 1);
            }

            return 1 - 2 / Math.Sqrt(Math.PI) * sum;
        }

        double fraction = x;
        for (int n = 60; n >= 1; n--)
            fraction = x + n / 2.0 / fraction;
        return Math.Exp(-x * x) / (Math.Sqrt(Math.PI) * fraction);
    }
}
