using AudioToken.Tensors;

namespace AudioToken.Training.Tape;

// All operations that are no products.
public sealed partial class GradientTape
{
    /// <inheritdoc/>
    public override Tensor GroupNorm(Tensor x, Weight gamma, Weight beta, int groups, float epsilon, Activation activation = Activation.None, Tensor skip = default)
    {
        int first = x.Shape[^1];
        return Record(
            [x, skip], 0b11, [gamma, beta],
            operands => _ops.GroupNorm(operands[0], gamma, beta, groups, epsilon, activation, operands[1]),
            (operands, dy, sink) =>
            {
                NormGradients gradients = _ops.GroupNormGradients(operands[0], gamma, beta, groups, epsilon, dy, activation, operands[1]);
                sink.Add(gamma, gradients.Gamma);
                sink.Add(beta, gradients.Beta);
                Split(gradients.X, first, sink);
            });
    }

    /// <inheritdoc/>
    public override Tensor LayerNorm(Tensor x, Weight gamma, Weight beta, float epsilon) => Record(
        [x], 1, [gamma, beta],
        operands => _ops.LayerNorm(operands[0], gamma, beta, epsilon),
        (operands, dy, sink) =>
        {
            NormGradients gradients = _ops.LayerNormGradients(operands[0], gamma, epsilon, dy);
            sink.Add(gamma, gradients.Gamma);
            sink.Add(beta, gradients.Beta);
            sink.Add(0, gradients.X);
        });

    /// <inheritdoc/>
    public override Tensor Attention(Tensor q, Tensor k, Tensor v, in AttentionOptions options)
    {
        AttentionOptions given = options;
        return Record(
            [q, k, v, options.Bias, options.BiasGate], 0b11111, [],
            operands => _ops.Attention(operands[0], operands[1], operands[2], given with { Bias = operands[3], BiasGate = operands[4] }),
            (operands, dy, sink) =>
            {
                AttentionGradients gradients = _ops.AttentionGradients(
                    operands[0], operands[1], operands[2], given with { Bias = operands[3], BiasGate = operands[4] }, dy);
                sink.Add(0, gradients.Q);
                sink.Add(1, gradients.K);
                sink.Add(2, gradients.V);
                if (sink.Wants(3))
                    sink.Add(3, gradients.Bias);
                if (sink.Wants(4))
                    sink.Add(4, gradients.BiasGate);
            });
    }

    /// <inheritdoc/>
    public override Tensor Activate(Tensor x, Activation activation) => Record(
        [x], 1, [],
        operands => _ops.Activate(operands[0], activation),
        (operands, dy, sink) => sink.Add(0, _ops.ActivateGradient(operands[0], activation, dy)));

    /// <summary>Product with a tensor that needs no gradient: a dropout's mask.</summary>
    public Tensor Mask(Tensor x, Tensor mask) => Record(
        [x, mask], 0b10, [],
        operands => _ops.Multiply(operands[0], operands[1]),
        (operands, dy, sink) => sink.Add(0, _ops.Multiply(dy, operands[1])));

    /// <inheritdoc/>
    public override Tensor WeightedSum(ReadOnlySpan<WeightedTensor> terms)
    {
        Tensor[] tensors = new Tensor[terms.Length];
        float[] factors = new float[terms.Length];
        for (int i = 0; i < terms.Length; i++)
            (tensors[i], factors[i]) = (terms[i].Tensor, terms[i].Factor);
        return Record(
            tensors, 0, [],
            operands =>
            {
                WeightedTensor[] sum = new WeightedTensor[factors.Length];
                for (int i = 0; i < sum.Length; i++)
                    sum[i] = new WeightedTensor(operands[i], factors[i]);
                return _ops.WeightedSum(sum);
            },
            (_, dy, sink) =>
            {
                for (int i = 0; i < factors.Length; i++)
                {
                    if (factors[i] == 1)
                        sink.Pass(i);
                    else if (sink.Wants(i))
                        sink.Add(i, _ops.WeightedSum([new(dy, factors[i])]));
                }
            });
    }

    /// <summary>Not differentiable here: limits are for pictures and samplers, which nothing is trained through.</summary>
    /// <exception cref="NotSupportedException">A gradient would have to flow through it.</exception>
    public override Tensor Clamp(Tensor x, float low, float high) =>
        Flows(x) ? throw new NotSupportedException("Clamp has no gradient; nothing is trained through a limit.") : base.Clamp(x, low, high);

    /// <inheritdoc/>
    public override Tensor Concat(ReadOnlySpan<Tensor> parts)
    {
        int[] columns = new int[parts.Length];
        for (int i = 0; i < columns.Length; i++)
            columns[i] = parts[i].Shape[^1];
        return Record(
            parts, 0, [],
            operands => _ops.Concat(operands),
            (_, dy, sink) =>
            {
                for (int i = 0, start = 0; i < columns.Length; start += columns[i++])
                {
                    if (sink.Wants(i))
                        sink.Add(i, _ops.Columns(dy, start, columns[i]));
                }
            });
    }

    /// <inheritdoc/>
    public override Tensor RepeatBatch(Tensor x, int times)
    {
        int samples = x.Shape[0];
        return Record(
            [x], 0, [],
            operands => _ops.RepeatBatch(operands[0], times),
            (_, dy, sink) =>
            {
                Tensor sum = _ops.WeightedSum([new(dy.Slice(0, samples), 1)]);
                for (int i = 1; i < times; i++)
                    sum = _ops.WeightedSum([new(sum, 1), new(dy.Slice(i * samples, samples), 1)]);
                sink.Add(0, sum);
            });
    }

    /// <inheritdoc/>
    public override Tensor TokenEmbedding(Tensor ids, Weight tokens, Weight positions, int placeholderId, Tensor placeholder) => Record(
        [ids, placeholder], 0b11, [tokens, positions],
        operands => _ops.TokenEmbedding(operands[0], tokens, positions, placeholderId, operands[1]),
        (operands, dy, sink) =>
        {
            EmbeddingGradients gradients = _ops.TokenEmbeddingGradients(
                operands[0], dy, sink.Wants(tokens) ? tokens : null, sink.Wants(positions) ? positions : null, placeholderId, operands[1]);
            if (sink.Wants(tokens))
                sink.Add(tokens, gradients.Tokens);
            if (sink.Wants(positions))
                sink.Add(positions, gradients.Positions);
            if (sink.Wants(1))
                sink.Add(1, gradients.Placeholder);
        });

    /// <inheritdoc/>
    public override Tensor RelativePositionBias(Weight table, Tensor buckets) => Record(
        [buckets], 1, [table],
        operands => _ops.RelativePositionBias(table, operands[0]),
        (operands, dy, sink) => sink.Add(table, _ops.RelativePositionBiasGradient(table, operands[0], dy)));

    /// <inheritdoc/>
    public override Tensor RelativePositionGate(Tensor projected, Weight scale) => Record(
        [projected], 1, [scale],
        operands => _ops.RelativePositionGate(operands[0], scale),
        (operands, dy, sink) =>
        {
            (Tensor byProjected, Tensor byScale) = _ops.RelativePositionGateGradients(operands[0], scale, dy);
            sink.Add(0, byProjected);
            sink.Add(scale, byScale);
        });

    /// <inheritdoc/>
    public override Tensor MeanCosine(Tensor x, Tensor y) => Record(
        [x, y], 0b11, [],
        operands => _ops.MeanCosine(operands[0], operands[1]),
        (operands, dy, sink) =>
        {
            (Tensor byX, Tensor byY) = _ops.MeanCosineGradients(operands[0], operands[1], dy);
            sink.Add(0, byX);
            sink.Add(1, byY);
        });

    /// <inheritdoc/>
    public override Tensor AttentionPool(Tensor values, Tensor scores) => Record(
        [values, scores], 0b11, [],
        operands => _ops.AttentionPool(operands[0], operands[1]),
        (operands, dy, sink) =>
        {
            (Tensor byValues, Tensor byScores) = _ops.AttentionPoolGradients(operands[0], operands[1], dy);
            sink.Add(0, byValues);
            sink.Add(1, byScores);
        });
}
