using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

public sealed unsafe partial class CudaOps
{
    /// <inheritdoc/>
    /// <exception cref="ShapeException">Also: a head is wider than 512.</exception>
    public Tensor Attention(Tensor q, Tensor k, Tensor v, in AttentionOptions options)
    {
        Shape shape = ResultShape.Attention(q, k, v, options);
        int width = shape[2] / options.Heads;
        if (width > AttentionForm.MaxWidth)
            throw new ShapeException($"Attention: heads are {width} wide; this backend takes up to {AttentionForm.MaxWidth}.");
        using TensorScope scope = Scope();
        Tensor y = Allocate(shape, _storage);
        AttentionOperands operands = new()
        {
            Result = AddressOf(y),
            Query = Operand(q, _storage, nameof(Attention), nameof(q)),
            Key = Operand(k, _storage, nameof(Attention), nameof(k)),
            Value = Operand(v, _storage, nameof(Attention), nameof(v)),
            Bias = OperandOrNull(options.Bias, nameof(Attention), "the bias"),
            Gate = OperandOrNull(options.BiasGate, nameof(Attention), "the gate"),
            Queries = shape[1],
            Keys = k.Shape[1],
            Heads = options.Heads,
            Width = width,
            Causal = options.Causal ? 1 : 0,
            Scale = options.Scale,
        };
        bool packed = width % 8 == 0 && (operands.Query | operands.Key | operands.Value) % 16 == 0;
        AttentionForm form = AttentionForm.For(_storage, width, packed, _context.Device.SharedBytesPerBlock);
        KernelArguments arguments = default;
        arguments.Add(operands);
        Grid grid = new(Blocks(shape[1], form.Rows), options.Heads, shape[0] * form.Slices);
        Launch(Kernel(form.File, _storage, form.Ending), grid, form.Threads, form.SharedBytes, ref arguments);
        return scope.Keep(y);
    }

    // As Attention in common/scores.cuh.
    private struct AttentionOperands
    {
        public ulong Result;
        public ulong Query;
        public ulong Key;
        public ulong Value;
        public ulong Bias;
        public ulong Gate;
        public int Queries;
        public int Keys;
        public int Heads;
        public int Width;
        public int Causal;
        public float Scale;
    }
}
