using AudioToken.Tensors;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    /// <inheritdoc/>
    public Tensor TimestepEmbedding(Tensor timesteps, int width, bool cosineFirst, float frequencyShift)
    {
        Shape shape = ResultShape.TimestepEmbedding(timesteps, width, frequencyShift);
        float* t = Data(timesteps, nameof(TimestepEmbedding), nameof(timesteps));
        Tensor result = Allocate(shape);
        if (_counts)
            return result;
        float* y = Data(result, nameof(TimestepEmbedding), nameof(result));
        int half = width / 2, cosines = cosineFirst ? 0 : half, sines = half - cosines;
        for (int s = 0; s < shape[0]; s++)
        {
            for (int i = 0; i < half; i++)
            {
                // Rounded to fp32 at each step, as PyTorch does: at t = 999 the last bit of a frequency moves a sine by 6e-5.
                float exponent = (float)-Math.Log(10000) * i / (half - frequencyShift);
                (float sine, float cosine) = MathF.SinCos(t[s] * MathF.Exp(exponent));
                y[(long)s * width + cosines + i] = cosine;
                y[(long)s * width + sines + i] = sine;
            }
        }

        return result;
    }

    /// <inheritdoc/>
    public Tensor TokenEmbedding(Tensor ids, Weight tokens, Weight positions, int placeholderId, Tensor placeholder)
    {
        const string Name = nameof(TokenEmbedding);
        Shape shape = ResultShape.TokenEmbedding(ids, tokens, positions, placeholder);
        (int length, int width) = (shape[1], shape[2]);
        int* id = Indices(ids, Name, nameof(ids));
        float* table = Table(tokens, Name, nameof(tokens));
        float* place = Table(positions, Name, nameof(positions));
        float* stand = DataOrNull(placeholder, Name, nameof(placeholder));
        int stands = ResultShape.Placeholders(placeholder);
        int standStride = stand is null || placeholder.Shape[0] == 1 ? 0 : stands * width;
        Tensor result = Allocate(shape);
        if (_counts)
            return result;
        float* y = Data(result, Name, nameof(result));
        for (int row = 0; row < shape[0] * length; row++)
        {
            int token = id[row];
            bool isPlaceholder = placeholderId >= 0 && token >= placeholderId && token - placeholderId < stands;
            if (isPlaceholder ? stand is null : (uint)token >= (uint)tokens.Shape[0])
                ResultShape.ThrowUnknownToken(token, tokens, placeholderId);
            float* source = isPlaceholder ? stand + (long)(row / length) * standStride + (long)(token - placeholderId) * width : table + (long)token * width;
            TensorPrimitives.Add(
                new ReadOnlySpan<float>(source, width), new ReadOnlySpan<float>(place + (long)(row % length) * width, width), new Span<float>(y + (long)row * width, width));
        }

        return result;
    }

    /// <inheritdoc/>
    public Tensor RelativePositionBias(Weight table, Tensor buckets)
    {
        const string Name = nameof(RelativePositionBias);
        Shape shape = ResultShape.RelativePositionBias(table, buckets);
        RelativeBiasBody body = new()
        {
            Workers = _workers,
            Table = Table(table, Name, nameof(table)),
            Buckets = Indices(buckets, Name, nameof(buckets)),
            Heads = shape[0],
            Length = shape[1],
        };
        foreach (int row in _counts ? [] : new ReadOnlySpan<int>(body.Buckets, buckets.Shape[0]))
        {
            if ((uint)row >= (uint)table.Shape[0])
                ResultShape.ThrowUnknownBucket(row, table);
        }

        Tensor result = Allocate(shape);
        body.Y = Data(result, Name, nameof(result));
        _workers.Run(body.Heads, body);
        return result;
    }

    /// <inheritdoc/>
    public Tensor RelativePositionGate(Tensor projected, Weight scale)
    {
        const string Name = nameof(RelativePositionGate);
        Shape shape = ResultShape.RelativePositionGate(projected, scale);
        RelativeGateBody body = new()
        {
            X = Data(projected, Name, nameof(projected)),
            Factors = Vector(scale, shape[2], Name, nameof(scale)),
            Heads = shape[2],
            Count = shape.Count,
        };
        Tensor result = Allocate(shape);
        body.Y = Data(result, Name, nameof(result));
        _workers.Run(body.Parts, body);
        return result;
    }
}
