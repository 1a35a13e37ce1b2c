using AudioToken.Tensors;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    /// <inheritdoc/>
    public Tensor MeanCosine(Tensor x, Tensor y)
    {
        const string Name = nameof(MeanCosine);
        Shape shape = ResultShape.MeanCosine(x, y);
        (int length, int width) = (x.Shape[1], x.Shape[2]);
        float* left = Data(x, Name, nameof(x));
        float* right = Data(y, Name, nameof(y));
        Tensor result = Allocate(shape);
        float* s = Data(result, Name, nameof(result));
        using TensorScope scope = Scope();
        Span<float> mean = new(Data(Allocate([width]), Name, nameof(mean)), width);
        if (_counts)
            return result;
        for (int b = 0; b < shape[0]; b++)
        {
            mean.Clear();
            for (int j = 0; j < length; j++)
            {
                ReadOnlySpan<float> row = new(right + ((long)b * length + j) * width, width);
                TensorPrimitives.MultiplyAdd(row, 1 / (length * Length(row)), mean, mean);
            }

            for (int i = 0; i < length; i++)
            {
                ReadOnlySpan<float> row = new(left + ((long)b * length + i) * width, width);
                s[(long)b * length + i] = TensorPrimitives.Dot(row, mean) / Length(row);
            }
        }

        return result;
    }

    /// <inheritdoc/>
    public Tensor AttentionPool(Tensor values, Tensor scores)
    {
        const string Name = nameof(AttentionPool);
        Shape shape = ResultShape.AttentionPool(values, scores);
        (int length, int width) = (values.Shape[1], values.Shape[2]);
        float* v = Data(values, Name, nameof(values));
        float* z = Data(scores, Name, nameof(scores));
        Tensor result = Allocate(shape);
        float* y = Data(result, Name, nameof(result));
        using TensorScope scope = Scope();
        Span<float> shares = new(Data(Allocate([length]), Name, nameof(shares)), length);
        if (_counts)
            return result;
        for (int b = 0; b < shape[0]; b++)
        {
            ReadOnlySpan<float> own = new(z + (long)b * length, length);
            SoftMax(own, shares);
            Span<float> sum = new(y + (long)b * width, width);
            sum.Clear();
            for (int t = 0; t < length; t++)
                TensorPrimitives.MultiplyAdd(new ReadOnlySpan<float>(v + ((long)b * length + t) * width, width), shares[t], sum, sum);
        }

        return result;
    }

    private static void SoftMax(ReadOnlySpan<float> scores, Span<float> shares)
    {
        TensorPrimitives.Subtract(scores, TensorPrimitives.Max(scores), shares);
        TensorPrimitives.Exp(shares, shares);
        TensorPrimitives.Divide(shares, TensorPrimitives.Sum(shares), shares);
    }

    // 1e-12: PyTorch's guard in normalize.
    private static float Length(ReadOnlySpan<float> row) => Math.Max(TensorPrimitives.Norm(row), 1e-12f);
}
