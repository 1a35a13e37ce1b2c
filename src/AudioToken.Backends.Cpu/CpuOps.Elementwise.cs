using AudioToken.Tensors;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    // Spans count in an int; tensors may be longer. A multiple of every vector's length.
    private const int SpanPart = 1 << 20;

    /// <inheritdoc/>
    public Tensor Activate(Tensor x, Activation activation)
    {
        Shape shape = ResultShape.Activate(x, activation);
        ActivationBody body = new() { X = Data(x, nameof(Activate), nameof(x)), Count = shape.Count, Activation = activation };
        Tensor result = Allocate(shape);
        body.Y = Data(result, nameof(Activate), nameof(result));
        _workers.Run(body.Parts, body);
        return result;
    }

    /// <inheritdoc/>
    public Tensor WeightedSum(ReadOnlySpan<WeightedTensor> terms)
    {
        const string Name = nameof(WeightedSum);
        Shape shape = ResultShape.WeightedSum(terms);
        foreach (WeightedTensor term in terms)
            Data(term.Tensor, Name, nameof(terms));
        Tensor result = Allocate(shape);
        if (_counts)
            return result;
        float** values = stackalloc float*[terms.Length];
        float* factors = stackalloc float[terms.Length];
        for (int i = 0; i < terms.Length; i++)
        {
            values[i] = Data(terms[i].Tensor, Name, nameof(terms));
            factors[i] = terms[i].Factor;
        }

        WeightedSumBody body = new() { Terms = values, Factors = factors, Count = terms.Length, Y = Data(result, Name, nameof(result)), Length = shape.Count };
        _workers.Run(body.Parts, body);
        return result;
    }

    /// <inheritdoc/>
    public void Assign(Tensor target, Tensor value)
    {
        ResultShape.Assign(target, value);
        float* to = Data(target, nameof(Assign), nameof(target)), from = Data(value, nameof(Assign), nameof(value));
        long bytes = target.Shape.Count * sizeof(float);
        if (!_counts)
            Buffer.MemoryCopy(from, to, bytes, bytes);
    }

    /// <inheritdoc/>
    public void Advance(ReadOnlySpan<StepSum> sums, Tensor factors, StepIndex step)
    {
        const string Name = nameof(Advance);
        ResultShape.Advance(sums, factors);
        float* factor = Data(factors.Slice(step.Number, 1), Name, nameof(factors)), used = stackalloc float[ResultShape.MaxParts];
        float** terms = stackalloc float*[ResultShape.MaxParts];
        foreach (StepSum sum in sums)
        {
            AssignedSumBody body = new() { Terms = terms, Factors = used, Y = Data(sum.Target, Name, nameof(sum.Target)), Length = sum.Target.Shape.Count };
            foreach (Tensor term in sum.Terms.Span)
            {
                float* values = Data(term, Name, nameof(sum.Terms));
                float of = _counts ? 0 : *factor++;
                if (of == 0)
                    continue;
                terms[body.Count] = values;
                used[body.Count++] = of;
            }

            body.Limit = _counts ? 0 : *factor++;
            if (body.Count > 0)
                _workers.Run(body.Parts, body);
        }
    }

    /// <inheritdoc/>
    public Tensor Clamp(Tensor x, float low, float high)
    {
        Shape shape = ResultShape.Clamp(x, low, high);
        float* a = Data(x, nameof(Clamp), nameof(x));
        Tensor result = Allocate(shape);
        if (_counts)
            return result;
        float* y = Data(result, nameof(Clamp), nameof(result));
        for (long start = 0; start < shape.Count; start += SpanPart)
        {
            int count = (int)Math.Min(SpanPart, shape.Count - start);
            TensorPrimitives.Clamp(new ReadOnlySpan<float>(a + start, count), low, high, new Span<float>(y + start, count));
        }

        return result;
    }

    /// <inheritdoc/>
    public Tensor Concat(ReadOnlySpan<Tensor> parts)
    {
        Shape shape = ResultShape.Concat(parts);
        foreach (Tensor part in parts)
            Data(part, nameof(Concat), nameof(parts));
        Tensor result = Allocate(shape);
        if (_counts)
            return result;
        float* y = Data(result, nameof(Concat), nameof(result));
        foreach (Tensor part in parts)
        {
            int columns = part.Shape[^1];
            RowCopyBody body = new()
            {
                From = Data(part, nameof(Concat), nameof(parts)), To = y, Rows = shape.Rows, FromStride = columns, ToStride = shape[^1], Columns = columns,
            };
            _workers.Run(body.Parts, body);
            y += columns;
        }

        return result;
    }

    /// <inheritdoc/>
    public Tensor RepeatBatch(Tensor x, int times)
    {
        Shape shape = ResultShape.RepeatBatch(x, times);
        float* a = Data(x, nameof(RepeatBatch), nameof(x));
        Tensor result = Allocate(shape);
        if (_counts)
            return result;
        float* y = Data(result, nameof(RepeatBatch), nameof(result));
        long bytes = x.Shape.Count * sizeof(float);
        for (int i = 0; i < times; i++)
            Buffer.MemoryCopy(a, y + i * x.Shape.Count, bytes, bytes);
        return result;
    }
}
