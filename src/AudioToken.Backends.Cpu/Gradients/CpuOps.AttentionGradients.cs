using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    /// <inheritdoc/>
    public AttentionGradients AttentionGradients(Tensor q, Tensor k, Tensor v, in AttentionOptions options, Tensor dy)
    {
        const string Name = nameof(AttentionGradients);
        Shape shape = ResultShape.Attention(q, k, v, options);
        if (dy.Shape.Count != shape.Count)
            throw new ShapeException($"{Name}: dy is {dy}, wanted {shape}.");
        AttentionGradients gradients = new(
            Allocate(shape), Allocate(k.Shape), Allocate(v.Shape),
            options.Bias.IsEmpty ? default : Allocate(options.Bias.Shape), options.BiasGate.IsEmpty ? default : Allocate(options.BiasGate.Shape));
        AttentionGradientJob job = new()
        {
            Q = Data(q, Name, nameof(q)),
            K = Data(k, Name, nameof(k)),
            V = Data(v, Name, nameof(v)),
            Dy = Data(dy, Name, nameof(dy)),
            Dq = Data(gradients.Q, Name, nameof(gradients.Q)),
            Dk = Data(gradients.K, Name, nameof(gradients.K)),
            Dv = Data(gradients.V, Name, nameof(gradients.V)),
            Bias = DataOrNull(options.Bias, Name, nameof(options.Bias)),
            Gate = DataOrNull(options.BiasGate, Name, nameof(options.BiasGate)),
            DBias = DataOrNull(gradients.Bias, Name, nameof(gradients.Bias)),
            DGate = DataOrNull(gradients.BiasGate, Name, nameof(gradients.BiasGate)),
            Samples = shape[0],
            Queries = shape[1],
            Keys = k.Shape[1],
            Columns = shape[2],
            Heads = options.Heads,
            Width = shape[2] / options.Heads,
            Scale = options.Scale,
            Causal = options.Causal,
        };
        using TensorScope scope = Scope();
        job.Room = Working(Threads * _engine.AttentionGradientFloats(job));
        _engine.DifferentiateAttention(_workers, job);
        return gradients;
    }
}
