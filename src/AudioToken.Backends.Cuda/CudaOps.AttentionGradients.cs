using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

public sealed unsafe partial class CudaOps
{
    /// <inheritdoc/>
    /// <exception cref="ShapeException">Also: a head is wider than 512.</exception>
    public AttentionGradients AttentionGradients(Tensor q, Tensor k, Tensor v, in AttentionOptions options, Tensor dy)
    {
        const string File = "attention_gradient", Name = nameof(AttentionGradients);
        const int Rows = 32; // of a block, as in attention_gradient.cu
        Shape shape = ResultShape.Attention(q, k, v, options);
        WantCount(dy, shape, Name);
        (int batch, int queries, int keys, int heads, int width) = (shape[0], shape[1], k.Shape[1], options.Heads, shape[2] / options.Heads);
        if (width > AttentionForm.MaxWidth)
            throw new ShapeException($"{Name}: heads are {width} wide; this backend takes up to {AttentionForm.MaxWidth}.");
        using TensorScope scope = Scope();
        Tensor Result(Tensor operand) => operand.IsEmpty ? default : scope.Keep(Allocate(operand.Shape, _storage));
        AttentionGradients gradients = new(Result(q), Result(k), Result(v), Result(options.Bias), Result(options.BiasGate));
        AttentionGradientOperands operands = new()
        {
            Forward = new()
            {
                Query = Operand(q, _storage, Name, nameof(q)),
                Key = Operand(k, _storage, Name, nameof(k)),
                Value = Operand(v, _storage, Name, nameof(v)),
                Bias = OperandOrNull(options.Bias, Name, "the bias"),
                Gate = OperandOrNull(options.BiasGate, Name, "the gate"),
                Queries = queries,
                Keys = keys,
                Heads = heads,
                Width = width,
                Causal = options.Causal ? 1 : 0,
                Scale = options.Scale,
            },
            Upstream = Operand(dy, _storage, Name, nameof(dy)),
            Query = AddressOf(gradients.Q),
            Key = AddressOf(gradients.K),
            Value = AddressOf(gradients.V),
            Bias = gradients.Bias.IsEmpty ? 0 : AddressOf(gradients.Bias),
            Gate = gradients.BiasGate.IsEmpty ? 0 : AddressOf(gradients.BiasGate),
            RowSums = AddressOf(Allocate([batch, heads, queries, 2], DType.F32)),
        };
        string form = width <= 2 * 32 ? "_2" : width <= 5 * 32 ? "_5" : "_16";
        int shared = ((Rows * (width + 1)) + (64 * Rows)) * sizeof(float);
        KernelArguments arguments = default;
        arguments.Add(operands);
        Launch(Kernel(File, "attention_gradient_queries", _storage, form), new Grid(Blocks(queries, Rows), heads, batch), 256, shared, ref arguments);
        arguments = default;
        arguments.Add(operands);
        Launch(Kernel(File, "attention_gradient_keys", _storage, form), new Grid(Blocks(keys, Rows), heads, batch), 256, shared, ref arguments);
        if (!gradients.Bias.IsEmpty)
        {
            arguments = default;
            arguments.Add(operands).Add(batch);
            Launch(Kernel(File, "attention_gradient_bias", _storage, ""), new Grid(Blocks(keys, ColumnBlock), queries, heads), ColumnBlock, 0, ref arguments);
        }

        return gradients;
    }

    // As AttentionGradient in attention_gradient.cu.
    private struct AttentionGradientOperands
    {
        public AttentionOperands Forward;
        public ulong Upstream;
        public ulong Query;
        public ulong Key;
        public ulong Value;
        public ulong Bias;
        public ulong Gate;
        public ulong RowSums;
    }
}
