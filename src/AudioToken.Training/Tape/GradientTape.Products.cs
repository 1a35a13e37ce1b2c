using AudioToken.Tensors;

namespace AudioToken.Training.Tape;

// Products with their epilogues.
public sealed partial class GradientTape
{
    // Runs a product with the part of the epilogue that is linear.
    private delegate Tensor Product(Tensor x, Tensor skip, in Epilogue epilogue);

    // Sends the gradient of the sums to the product's input and weight.
    private delegate void ProductBackward(Tensor x, Tensor skip, Tensor dy, TapeSink sink);

    /// <inheritdoc/>
    public override Tensor Linear(Tensor x, Weight weight, in Epilogue epilogue) => Fused(
        x, default, weight, epilogue,
        (Tensor input, Tensor _, in Epilogue linear) => _ops.Linear(input, weight, linear),
        (input, _, dy, sink) =>
        {
            if (sink.Wants(0))
                sink.Add(0, _ops.LinearInputGradient(dy, weight));
            if (sink.Wants(weight))
                sink.Add(weight, _ops.LinearWeightGradient(input, dy));
        });

    /// <inheritdoc/>
    public override Tensor Conv2d(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, Tensor skip = default)
    {
        ConvGeometry windows = geometry;
        (int height, int width, int channels) = (x.Shape[1], x.Shape[2], x.Shape[3]);
        return Fused(
            x, skip, weight, epilogue,
            (Tensor first, Tensor second, in Epilogue linear) => _ops.Conv2d(first, weight, windows, linear, second),
            (first, second, dy, sink) =>
            {
                if (sink.Wants(0) || sink.Wants(1))
                    Split(_ops.Conv2dInputGradient(dy, weight, windows, height, width), channels, sink);
                if (sink.Wants(weight))
                    sink.Add(weight, _ops.Conv2dWeightGradient(first, dy, weight, windows, second));
            });
    }

    /// <inheritdoc/>
    public override Tensor GroupedConv1d(Tensor x, Weight weight, int groups, int padding, in Epilogue epilogue) => Fused(
        x, default, weight, epilogue,
        (Tensor input, Tensor _, in Epilogue linear) => _ops.GroupedConv1d(input, weight, groups, padding, linear),
        (input, _, dy, sink) =>
        {
            if (sink.Wants(0))
                sink.Add(0, _ops.GroupedConv1dInputGradient(dy, weight, groups, padding));
            if (sink.Wants(weight))
                sink.Add(weight, _ops.GroupedConv1dWeightGradient(input, dy, weight, groups, padding));
        });

    // y = scale * act(product + bias + shift) + residualScale * residual, as one operation where there is no activation to differentiate.
    private Tensor Fused(Tensor x, Tensor skip, Weight weight, in Epilogue epilogue, Product product, ProductBackward backward)
    {
        bool flows = Flows(x, skip, epilogue.ChannelShift) || _sink.Wants(weight) || _sink.Wants(epilogue.Bias);
        if (epilogue.Activation == Activation.None || !flows)
            return Linear(x, skip, weight, epilogue, product, backward);

        using TensorScope scope = Scope();
        Tensor sums = Linear(x, skip, weight, new Epilogue(epilogue.Bias) { ChannelShift = epilogue.ChannelShift }, product, backward);
        Tensor y = epilogue.Activation == Activation.Geglu ? Gate(sums) : Activate(sums, epilogue.Activation);
        if (!epilogue.Residual.IsEmpty)
            y = WeightedSum([new(y, epilogue.EffectiveScale), new(epilogue.Residual.Reshape(y.Shape), epilogue.EffectiveResidualScale)]);
        else if (epilogue.EffectiveScale != 1)
            y = WeightedSum([new(y, epilogue.EffectiveScale)]);
        return scope.Keep(y);
    }

    private Tensor Linear(Tensor x, Tensor skip, Weight weight, Epilogue epilogue, Product product, ProductBackward backward)
    {
        (float scale, float residualScale) = (epilogue.EffectiveScale, epilogue.EffectiveResidualScale);
        int samples = epilogue.ChannelShift.IsEmpty ? 0 : epilogue.ChannelShift.Shape[0];
        int needed = _sink.Wants(weight) ? 0b11 : 0;
        return Record(
            [x, skip, epilogue.ChannelShift, epilogue.Residual], needed, [weight, epilogue.Bias],
            operands => product(operands[0], operands[1], epilogue with { ChannelShift = operands[2], Residual = operands[3] }),
            (operands, dy, sink) =>
            {
                if (residualScale == 1)
                    sink.Pass(3);
                else if (sink.Wants(3))
                    sink.Add(3, _ops.WeightedSum([new(dy, residualScale)]));
                if (scale != 1)
                    dy = _ops.WeightedSum([new(dy, scale)]);
                if (sink.Wants(2))
                    sink.Add(2, _ops.ColumnSums(dy, samples));
                if (sink.Wants(epilogue.Bias))
                    sink.Add(epilogue.Bias, _ops.ColumnSums(dy, 1));
                backward(operands[0], operands[1], dy, sink);
            });
    }

    private Tensor Gate(Tensor sums) => Record(
        [sums], 1, [],
        operands => _ops.Gate(operands[0]),
        (operands, dy, sink) => sink.Add(0, _ops.GateGradient(operands[0], dy)));

    // The gradient of two sources that lie side by side.
    private void Split(Tensor gradient, int first, TapeSink sink)
    {
        int all = gradient.Shape[^1];
        if (first == all)
        {
            sink.Add(0, gradient);
            return;
        }

        if (sink.Wants(0))
            sink.Add(0, _ops.Columns(gradient, 0, first));
        if (sink.Wants(1))
            sink.Add(1, _ops.Columns(gradient, first, all - first));
    }
}
