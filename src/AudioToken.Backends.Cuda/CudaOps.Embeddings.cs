using System.Runtime.CompilerServices;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Backends.Cuda.Memory;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

public sealed unsafe partial class CudaOps
{
    /// <inheritdoc/>
    public Tensor TimestepEmbedding(Tensor timesteps, int width, bool cosineFirst, float frequencyShift)
    {
        const int Block = 128;
        Shape shape = ResultShape.TimestepEmbedding(timesteps, width, frequencyShift);
        using TensorScope scope = Scope();
        Tensor y = Allocate(shape, _storage);
        KernelArguments arguments = default;
        arguments.Add(AddressOf(y))
            .Add(Operand(timesteps, DType.F32, nameof(TimestepEmbedding), nameof(timesteps)))
            .Add(width)
            .Add(cosineFirst ? 1 : 0)
            .Add(frequencyShift);
        Launch(Kernel("timestep_embedding", _storage), new Grid(Blocks(width / 2, Block), shape[0]), Block, 0, ref arguments);
        return scope.Keep(y);
    }

    /// <inheritdoc/>
    public Tensor TokenEmbedding(Tensor ids, Weight tokens, Weight positions, int placeholderId, Tensor placeholder)
    {
        Shape shape = ResultShape.TokenEmbedding(ids, tokens, positions, placeholder);
        (int batch, int length, int width) = (shape[0], shape[1], shape[2]);
        ulong rows = Own(ids, nameof(TokenEmbedding), nameof(ids));
        int placeholders = ResultShape.Placeholders(placeholder);
        foreach (int id in IndicesOf(ids))
        {
            bool stands = placeholderId >= 0 && id >= placeholderId && id - placeholderId < placeholders;
            if (stands ? placeholder.IsEmpty : id < 0 || id >= tokens.Shape[0])
                ResultShape.ThrowUnknownToken(id, tokens, placeholderId);
        }

        using TensorScope scope = Scope();
        Tensor y = Allocate(shape, _storage);
        bool shared = placeholder.IsEmpty || placeholder.Shape[0] == 1;
        KernelArguments arguments = default;
        arguments.Add(AddressOf(y))
            .Add(rows)
            .Add(Rows(Own(tokens, WeightRole.Table, nameof(TokenEmbedding), nameof(tokens))))
            .Add(Rows(Own(positions, WeightRole.Table, nameof(TokenEmbedding), nameof(positions))))
            .Add(OperandOrNull(placeholder, nameof(TokenEmbedding), nameof(placeholder)))
            .Add(placeholderId)
            .Add(placeholders)
            .Add(shared ? 0 : placeholders * width)
            .Add(width);
        Launch(Kernel("token_embedding", _storage), new Grid(length, batch), 128, 0, ref arguments);
        return scope.Keep(y);
    }

    /// <inheritdoc/>
    public Tensor RelativePositionBias(Weight table, Tensor buckets)
    {
        Shape shape = ResultShape.RelativePositionBias(table, buckets);
        ulong rows = Own(buckets, nameof(RelativePositionBias), nameof(buckets));
        foreach (int bucket in IndicesOf(buckets))
        {
            if (bucket < 0 || bucket >= table.Shape[0])
                ResultShape.ThrowUnknownBucket(bucket, table);
        }

        using TensorScope scope = Scope();
        Tensor y = Allocate(shape, _storage);
        KernelArguments arguments = default;
        arguments.Add(AddressOf(y))
            .Add(Rows(Own(table, WeightRole.Table, nameof(RelativePositionBias), nameof(table))))
            .Add(rows)
            .Add(shape[0]);
        Launch(Kernel("relative_position_bias", _storage), new Grid(shape[1], shape[0]), 128, 0, ref arguments);
        return scope.Keep(y);
    }

    /// <inheritdoc/>
    public Tensor RelativePositionGate(Tensor projected, Weight scale)
    {
        const int Block = 128;
        Shape shape = ResultShape.RelativePositionGate(projected, scale);
        int count = Counted(shape.Count, "gates");
        using TensorScope scope = Scope();
        Tensor y = Allocate(shape, _storage);
        KernelArguments arguments = default;
        arguments.Add(AddressOf(y))
            .Add(Operand(projected, _storage, nameof(RelativePositionGate), nameof(projected)))
            .Add(Own(scale, WeightRole.Vector, nameof(RelativePositionGate), nameof(scale)).Address)
            .Add(count)
            .Add(shape[2]);
        Launch(Kernel("relative_position_gate", _storage), new Grid(Blocks(count, Block)), Block, 0, ref arguments);
        return scope.Keep(y);
    }

    // The host's copy of uploaded indices: asking the device for them would make the host wait.
    private static ReadOnlySpan<int> IndicesOf(Tensor indices) =>
        Unsafe.As<DeviceBlock>(indices.Storage).Indices.Slice((int)indices.Offset, (int)indices.Shape.Count);
}
