using System.Runtime.CompilerServices;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Backends.Cuda.Memory;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

public sealed unsafe partial class CudaOps
{
    /// <inheritdoc/>
    public Tensor Activate(Tensor x, Activation activation)
    {
        Shape shape = ResultShape.Activate(x, activation);
        ulong source = Own(x, nameof(Activate), nameof(x));
        Tensor y = Allocate(shape, x.DType);
        KernelArguments arguments = default;
        arguments.Add(AddressOf(y)).Add(source).Add((ulong)shape.Count).Add((int)activation);
        LaunchElements(Kernel("activate", x.DType), shape.Count, ref arguments);
        return y;
    }

    /// <inheritdoc/>
    public Tensor Clamp(Tensor x, float low, float high)
    {
        Shape shape = ResultShape.Clamp(x, low, high);
        ulong source = Own(x, nameof(Clamp), nameof(x));
        Tensor y = Allocate(shape, x.DType);
        KernelArguments arguments = default;
        arguments.Add(AddressOf(y)).Add(source).Add((ulong)shape.Count).Add(low).Add(high);
        LaunchElements(Kernel("clamp", x.DType), shape.Count, ref arguments);
        return y;
    }

    /// <inheritdoc/>
    public Tensor WeightedSum(ReadOnlySpan<WeightedTensor> terms)
    {
        Shape shape = ResultShape.WeightedSum(terms);
        DType dtype = _storage;
        foreach (WeightedTensor term in terms)
            dtype = term.Tensor.DType == DType.F32 ? DType.F32 : dtype;
        using TensorScope scope = Scope();
        Tensor y = Allocate(shape, dtype);
        SumTerms sum = new() { Count = terms.Length };
        for (int i = 0; i < terms.Length; i++)
        {
            Tensor term = terms[i].Tensor;
            bool isNarrow = dtype != _storage && term.DType == _storage; // the kernel widens it
            sum.Addresses[i] = Operand(term, isNarrow ? _storage : dtype, nameof(WeightedSum), "a term");
            sum.Factors[i] = terms[i].Factor;
            sum.Narrow |= isNarrow ? 1u << i : 0;
        }

        KernelArguments arguments = default;
        arguments.Add(AddressOf(y)).Add(sum).Add((ulong)shape.Count);
        LaunchElements(Kernel("weighted_sum", dtype, sum.Narrow == 0 ? "" : Suffix(_storage)), shape.Count, ref arguments);
        return scope.Keep(y);
    }

    /// <inheritdoc/>
    public Tensor Concat(ReadOnlySpan<Tensor> parts)
    {
        Shape shape = ResultShape.Concat(parts);
        DType dtype = _storage;
        foreach (Tensor part in parts)
            dtype = part.DType == DType.F32 ? DType.F32 : dtype;
        using TensorScope scope = Scope();
        Tensor y = Allocate(shape, dtype);
        JoinedParts joined = default;
        int start = 0, widest = 0;
        for (int i = 0; i < parts.Length; i++)
        {
            int columns = parts[i].Shape[^1];
            (joined.Addresses[i], joined.Columns[i], joined.Starts[i]) = (Operand(parts[i], dtype, nameof(Concat), "a part"), columns, start);
            (start, widest) = (start + columns, Math.Max(widest, columns));
        }

        const int Block = 256;
        int rows = RowsOf(shape);
        KernelArguments arguments = default;
        arguments.Add(AddressOf(y)).Add(joined).Add(rows).Add(shape[^1]);
        Launch(Kernel("concat", dtype), new Grid(Blocks((long)rows * widest, Block * 4), parts.Length), Block, 0, ref arguments);
        return scope.Keep(y);
    }

    /// <inheritdoc/>
    public Tensor RepeatBatch(Tensor x, int times)
    {
        Shape shape = ResultShape.RepeatBatch(x, times);
        ulong source = Own(x, nameof(RepeatBatch), nameof(x));
        ResultMoments? told = MomentsOf(x);
        Tensor y = told is null ? Allocate(shape, x.DType) : AllocateTold(shape, x.DType, told.Value.Positions, told.Value.Tile);
        RepeatedParts parts = default;
        (parts.From[0], parts.To[0], parts.Bytes[0]) = (source, AddressOf(y), x.Shape.Count * x.DType.Size());
        if (told is not null)
            (parts.From[1], parts.To[1], parts.Bytes[1]) = (told.Value.Address, MomentsOf(y)!.Value.Address, BytesOfMoments(x.Shape.Count, told.Value.Tile));
        const int Block = 256, MaxBlocks = 2048, Access = 16;
        KernelArguments arguments = default;
        arguments.Add(parts).Add(times);
        int blocks = (int)Math.Min(MaxBlocks, (parts.Bytes[0] + (Block * Access) - 1) / (Block * Access));
        Launch(KernelNamed("repeat_batch", ""), new Grid(blocks, told is null ? 1 : 2), Block, 0, ref arguments);
        return y;
    }

    // As Terms in weighted_sum.cu.
    private struct SumTerms
    {
        public Eight<ulong> Addresses;
        public Eight<float> Factors;
        public int Count;
        public uint Narrow;
    }

    // As Parts in concat.cu.
    private struct JoinedParts
    {
        public Eight<ulong> Addresses;
        public Eight<int> Columns;
        public Eight<int> Starts;
    }

    // As Parts in repeat_batch.cu.
    private struct RepeatedParts
    {
        public Two<ulong> From;
        public Two<ulong> To;
        public Two<long> Bytes;
    }

    [InlineArray(2)]
    private struct Two<T>
    {
        private T _first;
    }

    [InlineArray(ResultShape.MaxParts)]
    private struct Eight<T>
    {
        private T _first;
    }
}
