using AudioToken.Tensors;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace AudioToken.Backends.Cpu;

// Gradients of lookups and pools. All are small beside a product; one thread does them.
public sealed unsafe partial class CpuOps
{
    /// <inheritdoc/>
    public EmbeddingGradients TokenEmbeddingGradients(Tensor ids, Tensor dy, Weight? tokens, Weight? positions, int placeholderId, Tensor placeholder)
    {
        const string Name = nameof(TokenEmbeddingGradients);
        (int batch, int length, int width) = (dy.Shape[0], dy.Shape[1], dy.Shape[2]);
        if (ids.Shape != new Shape(batch, length))
            throw new ShapeException($"{Name}: the ids are {ids}, dy is {dy}.");
        int* id = Indices(ids, Name, nameof(ids));
        float* rows = Data(dy, Name, nameof(dy));
        Tensor byTokens = tokens is null ? default : Zeros(tokens.Shape), byPositions = positions is null ? default : Zeros(positions.Shape);
        Tensor byPlaceholder = placeholder.IsEmpty ? default : Zeros(placeholder.Shape);
        float* token = DataOrNull(byTokens, Name, nameof(tokens)), position = DataOrNull(byPositions, Name, nameof(positions));
        float* stand = DataOrNull(byPlaceholder, Name, nameof(placeholder));
        int stands = ResultShape.Placeholders(placeholder);
        int standStride = stand is null || placeholder.Shape[0] == 1 ? 0 : stands * width;
        for (int row = 0; row < batch * length; row++)
        {
            float* from = rows + (long)row * width;
            bool isPlaceholder = placeholderId >= 0 && id[row] >= placeholderId && id[row] - placeholderId < stands;
            if (position is not null)
                AddRow(from, position + (long)(row % length) * width, width);
            if (isPlaceholder && stand is not null)
                AddRow(from, stand + (long)(row / length) * standStride + (long)(id[row] - placeholderId) * width, width);
            else if (!isPlaceholder && token is not null && (uint)id[row] < (uint)tokens!.Shape[0])
                AddRow(from, token + (long)id[row] * width, width);
        }

        return new EmbeddingGradients(byTokens, byPositions, byPlaceholder);
    }

    /// <inheritdoc/>
    public Tensor RelativePositionBiasGradient(Weight table, Tensor buckets, Tensor dy)
    {
        const string Name = nameof(RelativePositionBiasGradient);
        (int heads, int length) = (dy.Shape[0], dy.Shape[1]);
        if (dy.Shape != ResultShape.RelativePositionBias(table, buckets))
            throw new ShapeException($"{Name}: dy is {dy}, wanted {ResultShape.RelativePositionBias(table, buckets)}.");
        int* bucket = Indices(buckets, Name, nameof(buckets));
        float* from = Data(dy, Name, nameof(dy));
        Tensor result = Zeros(table.Shape);
        float* to = Data(result, Name, nameof(result));
        for (int head = 0; head < heads; head++)
        {
            for (int i = 0; i < length; i++)
            {
                for (int j = 0; j < length; j++)
                    to[(long)bucket[j - i + length - 1] * heads + head] += *from++;
            }
        }

        return result;
    }

    /// <inheritdoc/>
    public (Tensor Projected, Tensor Scale) RelativePositionGateGradients(Tensor projected, Weight scale, Tensor dy)
    {
        const string Name = nameof(RelativePositionGateGradients);
        Shape shape = ResultShape.RelativePositionGate(projected, scale);
        if (dy.Shape != shape)
            throw new ShapeException($"{Name}: dy is {dy}, wanted {shape}.");
        int heads = shape[2];
        float* x = Data(projected, Name, nameof(projected)), g = Data(dy, Name, nameof(dy)), factors = Vector(scale, heads, Name, nameof(scale));
        Tensor byProjected = Allocate(projected.Shape), byScale = Zeros(scale.Shape);
        float* dx = Data(byProjected, Name, nameof(byProjected)), ds = Data(byScale, Name, nameof(byScale));
        for (long i = 0; i < shape.Count; i++, x += 8, dx += 8)
        {
            float a = RelativeGateBody.Sigmoid(x[0] + x[1] + x[2] + x[3]), b = RelativeGateBody.Sigmoid(x[4] + x[5] + x[6] + x[7]), factor = factors[i % heads];
            ds[i % heads] += g[i] * a * b;
            new Span<float>(dx, 4).Fill(g[i] * ((b * factor) - 1) * a * (1 - a));
            new Span<float>(dx + 4, 4).Fill(g[i] * a * factor * b * (1 - b));
        }

        return (byProjected, byScale);
    }

    /// <inheritdoc/>
    public (Tensor X, Tensor Y) MeanCosineGradients(Tensor x, Tensor y, Tensor dy)
    {
        const string Name = nameof(MeanCosineGradients);
        Shape shape = ResultShape.MeanCosine(x, y);
        if (dy.Shape != shape)
            throw new ShapeException($"{Name}: dy is {dy}, wanted {shape}.");
        (int length, int width) = (x.Shape[1], x.Shape[2]);
        float* g = Data(dy, Name, nameof(dy));
        Tensor byX = Allocate(x.Shape), byY = Allocate(y.Shape);
        using TensorScope scope = Scope();
        Span<float> mean = new(Data(Allocate([width]), Name, nameof(mean)), width), pull = new(Data(Allocate([width]), Name, nameof(pull)), width);
        for (int b = 0; b < shape[0]; b++)
        {
            ReadOnlySpan<float> Row(Tensor tensor, int i) => new(Data(tensor, Name, nameof(tensor)) + ((long)b * length + i) * width, width);
            Span<float> ToRow(Tensor tensor, int i) => new(Data(tensor, Name, nameof(tensor)) + ((long)b * length + i) * width, width);
            mean.Clear();
            pull.Clear();
            for (int j = 0; j < length; j++)
                TensorPrimitives.MultiplyAdd(Row(y, j), 1 / (length * Length(Row(y, j))), mean, mean);
            for (int i = 0; i < length; i++)
            {
                float factor = g[(long)b * length + i];
                TensorPrimitives.MultiplyAdd(Row(x, i), factor / (length * Length(Row(x, i))), pull, pull);
                NormalizeGradient(Row(x, i), mean, factor, ToRow(byX, i));
            }

            for (int j = 0; j < length; j++)
                NormalizeGradient(Row(y, j), pull, 1, ToRow(byY, j));
        }

        return (byX, byY);
    }

    /// <inheritdoc/>
    public (Tensor Values, Tensor Scores) AttentionPoolGradients(Tensor values, Tensor scores, Tensor dy)
    {
        const string Name = nameof(AttentionPoolGradients);
        Shape shape = ResultShape.AttentionPool(values, scores);
        if (dy.Shape != shape)
            throw new ShapeException($"{Name}: dy is {dy}, wanted {shape}.");
        (int length, int width) = (values.Shape[1], values.Shape[2]);
        float* v = Data(values, Name, nameof(values)), z = Data(scores, Name, nameof(scores)), g = Data(dy, Name, nameof(dy));
        Tensor byValues = Allocate(values.Shape), byScores = Allocate(scores.Shape);
        float* dv = Data(byValues, Name, nameof(byValues)), dz = Data(byScores, Name, nameof(byScores));
        using TensorScope scope = Scope();
        Span<float> shares = new(Data(Allocate([length]), Name, nameof(shares)), length);
        for (int b = 0; b < shape[0]; b++)
        {
            SoftMax(new ReadOnlySpan<float>(z + (long)b * length, length), shares);
            ReadOnlySpan<float> upstream = new(g + (long)b * width, width);
            Span<float> slopes = new(dz + (long)b * length, length);
            for (int t = 0; t < length; t++)
            {
                long at = ((long)b * length + t) * width;
                slopes[t] = TensorPrimitives.Dot(upstream, new ReadOnlySpan<float>(v + at, width));
                TensorPrimitives.Multiply(upstream, shares[t], new Span<float>(dv + at, width));
            }

            TensorPrimitives.Subtract(slopes, TensorPrimitives.Dot(shares, slopes), slopes);
            TensorPrimitives.Multiply(slopes, shares, slopes);
        }

        return (byValues, byScores);
    }

    // Of n = x / |x|: (up - n (n . up)) factor / |x|; below the guard the norm is a constant.
    private static void NormalizeGradient(ReadOnlySpan<float> x, ReadOnlySpan<float> up, float factor, Span<float> dx)
    {
        float norm = Length(x), along = norm > 1e-12f ? TensorPrimitives.Dot(x, up) / (norm * norm) : 0;
        TensorPrimitives.Multiply(x, -along, dx);
        TensorPrimitives.Add(dx, up, dx);
        TensorPrimitives.Multiply(dx, factor / norm, dx);
    }

    private static void AddRow(float* from, float* to, int width) =>
        TensorPrimitives.Add(new Span<float>(to, width), new ReadOnlySpan<float>(from, width), new Span<float>(to, width));

    private Tensor Zeros(Shape shape)
    {
        Tensor result = Allocate(shape);
        float* values = Data(result, nameof(Zeros), nameof(result));
        for (long start = 0; start < shape.Count; start += SpanPart)
            new Span<float>(values + start, (int)Math.Min(SpanPart, shape.Count - start)).Clear();
        return result;
    }
}
