using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

// Gradients of lookups and pools. Those by tables and scales are fp32, as the gradients of norms are.
public sealed unsafe partial class CudaOps
{
    // As RowSource in token_embedding_gradient.cu.
    private enum RowSource
    {
        Tokens,
        Positions,
        Placeholders,
    }

    /// <inheritdoc/>
    public EmbeddingGradients TokenEmbeddingGradients(Tensor ids, Tensor dy, Weight? tokens, Weight? positions, int placeholderId, Tensor placeholder)
    {
        const string Name = nameof(TokenEmbeddingGradients);
        (int batch, int length, int width) = (dy.Shape[0], dy.Shape[1], dy.Shape[2]);
        if (ids.DType != DType.I32 || ids.Shape != new Shape(batch, length))
            throw new ShapeException($"{Name}: the ids are {ids}, dy is {dy}.");
        ulong indices = Own(ids, Name, nameof(ids));
        using TensorScope scope = Scope();
        ulong upstream = Operand(dy, _storage, Name, nameof(dy));
        Tensor By(RowSource source, Shape? table)
        {
            if (table is not { } shape)
                return default;
            Tensor result = scope.Keep(Allocate(shape, DType.F32));
            EmbeddingRows rows = new()
            {
                Ids = indices,
                Batch = batch,
                Length = length,
                Width = width,
                PlaceholderId = placeholderId,
                Placeholders = ResultShape.Placeholders(placeholder),
                Shared = placeholder.IsEmpty || placeholder.Shape[0] == 1 ? 1 : 0,
                Source = (long)source,
            };
            KernelArguments arguments = default;
            arguments.Add(AddressOf(result)).Add(upstream).Add(rows);
            Launch(Kernel("token_embedding_gradient", _storage), new Grid(RowsOf(shape)), ColumnBlock, 0, ref arguments);
            return result;
        }

        return new EmbeddingGradients(
            By(RowSource.Tokens, tokens?.Shape), By(RowSource.Positions, positions?.Shape), By(RowSource.Placeholders, placeholder.IsEmpty ? null : placeholder.Shape));
    }

    /// <inheritdoc/>
    public Tensor RelativePositionBiasGradient(Weight table, Tensor buckets, Tensor dy)
    {
        const string Name = nameof(RelativePositionBiasGradient);
        Shape shape = ResultShape.RelativePositionBias(table, buckets);
        if (dy.Shape != shape)
            throw new ShapeException($"{Name}: dy is {dy}, wanted {shape}.");
        using TensorScope scope = Scope();
        Tensor result = Allocate(table.Shape, DType.F32);
        KernelArguments arguments = default;
        arguments.Add(AddressOf(result)).Add(Own(buckets, Name, nameof(buckets))).Add(Operand(dy, _storage, Name, nameof(dy))).Add(shape[1]);
        Launch(Kernel("relative_position_bias_gradient", _storage), new Grid(table.Shape[0], shape[0]), 128, 0, ref arguments);
        return scope.Keep(result);
    }

    /// <inheritdoc/>
    public (Tensor Projected, Tensor Scale) RelativePositionGateGradients(Tensor projected, Weight scale, Tensor dy)
    {
        const string Name = nameof(RelativePositionGateGradients);
        Shape shape = ResultShape.RelativePositionGate(projected, scale);
        if (dy.Shape != shape)
            throw new ShapeException($"{Name}: dy is {dy}, wanted {shape}.");
        using TensorScope scope = Scope();
        Tensor byProjected = Allocate(projected.Shape, _storage), byScale = Allocate(scale.Shape, DType.F32);
        KernelArguments arguments = default;
        arguments.Add(AddressOf(byProjected))
            .Add(AddressOf(byScale))
            .Add(Operand(projected, _storage, Name, nameof(projected)))
            .Add(Own(scale, WeightRole.Vector, Name, nameof(scale)).Address)
            .Add(Operand(dy, _storage, Name, nameof(dy)))
            .Add(Counted((long)shape[0] * shape[1], "rows"))
            .Add(shape[2]);
        Launch(Kernel("relative_position_gate_gradient", _storage), new Grid(shape[2]), 256, 0, ref arguments);
        return (scope.Keep(byProjected), scope.Keep(byScale));
    }

    /// <inheritdoc/>
    public (Tensor X, Tensor Y) MeanCosineGradients(Tensor x, Tensor y, Tensor dy)
    {
        const string File = "mean_cosine_gradient", Name = nameof(MeanCosineGradients);
        Shape shape = ResultShape.MeanCosine(x, y);
        if (dy.Shape != shape)
            throw new ShapeException($"{Name}: dy is {dy}, wanted {shape}.");
        (int batch, int length, int width) = (x.Shape[0], x.Shape[1], x.Shape[2]);
        int rows = Counted((long)batch * length, "rows");
        Grid rowGrid = new(Blocks(rows, WarpsOfRows)), columnGrid = new(Blocks(width, ColumnBlock), batch);
        using TensorScope scope = Scope();
        Tensor byX = Allocate(x.Shape, _storage), byY = Allocate(y.Shape, _storage), inverse = Allocate(shape, DType.F32);
        ulong left = Operand(x, _storage, Name, nameof(x)), right = Operand(y, _storage, Name, nameof(y)), upstream = Operand(dy, _storage, Name, nameof(dy));

        // The mean of the directions of y, then that of x weighted by dy.
        ulong Directions(ulong source)
        {
            Tensor mean = Allocate([batch, width], DType.F32);
            KernelArguments arguments = default;
            arguments.Add(AddressOf(mean)).Add(source).Add(AddressOf(inverse)).Add(length).Add(width);
            Launch(Kernel("mean_cosine", "mean_direction", _storage, ""), columnGrid, ColumnBlock, 0, ref arguments);
            return AddressOf(mean);
        }

        void Normalise(in Tensor result, ulong source, ulong directions, ulong factors)
        {
            KernelArguments arguments = default;
            arguments.Add(AddressOf(result)).Add(source).Add(directions).Add(factors).Add(rows).Add(length).Add(width);
            Launch(Kernel(File, "normalise_gradient", _storage, ""), rowGrid, 32 * WarpsOfRows, 0, ref arguments);
        }

        KernelArguments norms = default;
        norms.Add(AddressOf(inverse)).Add(right).Add(rows).Add(width);
        Launch(Kernel("mean_cosine", "row_inverse_norm", _storage, ""), rowGrid, 32 * WarpsOfRows, 0, ref norms);
        Normalise(byX, left, Directions(right), upstream);
        norms = default;
        norms.Add(AddressOf(inverse)).Add(left).Add(upstream).Add(rows).Add(width);
        Launch(Kernel(File, "weighted_inverse_norm", _storage, ""), rowGrid, 32 * WarpsOfRows, 0, ref norms);
        Normalise(byY, right, Directions(left), 0);
        return (scope.Keep(byX), scope.Keep(byY));
    }

    /// <inheritdoc/>
    public (Tensor Values, Tensor Scores) AttentionPoolGradients(Tensor values, Tensor scores, Tensor dy)
    {
        const string Name = nameof(AttentionPoolGradients);
        Shape shape = ResultShape.AttentionPool(values, scores);
        if (dy.Shape != shape)
            throw new ShapeException($"{Name}: dy is {dy}, wanted {shape}.");
        int length = values.Shape[1];
        using TensorScope scope = Scope();
        Tensor byValues = Allocate(values.Shape, _storage), byScores = Allocate(scores.Shape, _storage);
        KernelArguments arguments = default;
        arguments.Add(AddressOf(byValues))
            .Add(AddressOf(byScores))
            .Add(Operand(values, _storage, Name, nameof(values)))
            .Add(Operand(scores, _storage, Name, nameof(scores)))
            .Add(Operand(dy, _storage, Name, nameof(dy)))
            .Add(length)
            .Add(shape[1]);
        Launch(Kernel("attention_pool_gradient", _storage), new Grid(shape[0]), 256, 2 * length * sizeof(float), ref arguments);
        return (scope.Keep(byValues), scope.Keep(byScores));
    }

    // As Embedding in token_embedding_gradient.cu.
    private struct EmbeddingRows
    {
        public ulong Ids;
        public int Batch;
        public int Length;
        public int Width;
        public int PlaceholderId;
        public int Placeholders;
        public int Shared;
        public long Source; // an int, and the padding behind it: launches are compared to the byte
    }
}
