using System.Runtime.Intrinsics;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    /// <inheritdoc/>
    public Tensor Attention(Tensor q, Tensor k, Tensor v, in AttentionOptions options) =>
        Attention(q, k, v, options, Vector512.IsHardwareAccelerated);

    /// <summary>Attention with a choice of vector width, for tests.</summary>
    internal Tensor Attention(Tensor q, Tensor k, Tensor v, in AttentionOptions options, bool wide)
    {
        const string Name = nameof(Attention);
        Shape shape = ResultShape.Attention(q, k, v, options);
        AttentionBody body = new()
        {
            Workers = _workers,
            Q = Data(q, Name, nameof(q)),
            K = Data(k, Name, nameof(k)),
            V = Data(v, Name, nameof(v)),
            Bias = DataOrNull(options.Bias, Name, nameof(options.Bias)),
            Gate = DataOrNull(options.BiasGate, Name, nameof(options.BiasGate)),
            Queries = shape[1],
            Keys = k.Shape[1],
            Columns = shape[2],
            Heads = options.Heads,
            Width = shape[2] / options.Heads,
            Scale = options.Scale,
            Causal = options.Causal,
            Wide = wide,
        };
        Tensor result = Allocate(shape);
        body.Y = Data(result, Name, nameof(result));
        _workers.Run(shape[0] * options.Heads * body.Blocks, body);
        return result;
    }
}
