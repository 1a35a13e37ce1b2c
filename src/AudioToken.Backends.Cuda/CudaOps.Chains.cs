using AudioToken.Backends.Cuda.Driver;
using AudioToken.Backends.Cuda.Memory;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

// Two linear layers with a residual between them as one product of two sources: a convolution with a window of one and its shortcut.
public sealed unsafe partial class CudaOps
{
    /// <inheritdoc/>
    /// <remarks>In half types the product of both weights, summed in fp32 and rounded once, takes the place of the first one, whose values the host keeps for
    /// any other use. In fp32, which is asked for where nothing shall be rounded more than needed, and where the product would be larger, they stay as they are.</remarks>
    public void Prepare(in LinearChain chain)
    {
        ResultShape.Prepare(chain);
        CudaWeight[] weights = OwnWeights(chain);
        (CudaWeight first, CudaWeight second) = (weights[0], weights[1]);
        bool pays = second.Shape[0] <= first.Shape[0] && first.Shape.Count > 0 && second.Shape.Count > 0;
        if (_storage == DType.F32 || !pays || Array.Exists(weights, weight => weight.Chain is not null))
            return;
        Enter();
        KeptWeightSource kept = Keep(first);
        CudaRows rows = second.Rows with { Block = _weightMemory.Take((long)second.Shape[0] * first.Rows.Stride * Storage.Size()), Depth = first.Rows.Depth, Stride = first.Rows.Stride };
        DeviceBlock? bias = null;
        try
        {
            using (TensorScope scope = Scope())
            {
                MultiplyWeights(second.Rows, first.Rows, rows.Block);
                if (chain.First.Bias is not null)
                {
                    bias = _weightMemory.Take((long)rows.Count * sizeof(float));
                    PassBias(chain, second, bias);
                }
            }
        }
        catch
        {
            FreeWeight(rows.Block);
            if (bias is not null)
                FreeWeight(bias);
            throw;
        }

        _memory.Trim(); // what this took is of no size that a picture's tensors have
        first.Replace(kept);
        CudaChain made = new(chain, rows, bias);
        foreach (CudaWeight weight in weights)
            weight.Chain = made;
    }

    /// <inheritdoc/>
    public Tensor LinearChain(Tensor x, in LinearChain chain, Tensor residual, in Epilogue epilogue)
    {
        const string Name = nameof(LinearChain);
        Shape shape = ResultShape.LinearChain(x, chain, residual, epilogue);
        CudaWeight first = Own(chain.First.Weight, WeightRole.Linear, Name, "the first weight"), second = Own(chain.Second.Weight, WeightRole.Linear, Name, "the second weight");
        if (_storage == DType.F32 || first.Chain is not { } made || made.Layers != chain)
            return chain.Apply(this, x, residual, epilogue);
        using TensorScope scope = Scope();
        ulong source = Operand(x, _storage, Name, nameof(x)), between = Operand(residual, _storage, Name, "the residual");
        (int rows, int depth, int width) = (RowsOf(shape), first.Shape[1], second.Shape[1]);
        ConvWindow pixels = Window([rows, 1, 1, depth], 0, 1, new ConvGeometry(stride: 1, padding: 0), 1, 1);
        ShortcutSources around = new() { X = between, Channels = width };
        JoinedColumns joined = JoinedColumns.Of(new ProductColumns { Address = made.Rows.Block.Pointer.Address, Stride = made.Rows.Stride, Depth = depth }, Columns(second));
        ProductPlan plan = PlanOf(rows, shape[^1], joined.Depth, (depth | width) % 8 == 0 && (source | between) % 16 == 0);
        Tensor y = AllocateResult(shape, epilogue, plan.Tile);
        ProductEpilogue finish = Resolve(epilogue with { Bias = chain.Second.Bias }, y, shape[^1], Name);
        if (made.Bias is { } bias)
            finish.Bias = bias.Pointer.Address;
        KernelArguments arguments = default;
        arguments.Add(source).Add(0UL).Add(pixels).Add(around).Add(joined).Add(finish);
        LaunchProduct("conv2d", plan, rows, shape[^1], ref arguments, 1);
        return scope.Keep(y);
    }

    /// <summary>Takes the chain of which it is a part, if of any, apart again.</summary>
    internal void Part(CudaWeight weight)
    {
        if (weight.Chain is not { } made)
            return;
        foreach (CudaWeight part in OwnWeights(made.Layers))
            part.Chain = null;
        FreeWeight(made.Rows.Block);
        if (made.Bias is { } bias)
            FreeWeight(bias);
    }

    // Both weights, then the biases that there are.
    private CudaWeight[] OwnWeights(in LinearChain chain)
    {
        const string Name = nameof(LinearChain);
        List<CudaWeight> weights = [Own(chain.First.Weight, WeightRole.Linear, Name, "the first weight"), Own(chain.Second.Weight, WeightRole.Linear, Name, "the second weight")];
        if (chain.First.Bias is { } firstBias)
            weights.Add(Own(firstBias, WeightRole.Vector, Name, "the first bias"));
        if (chain.Second.Bias is { } secondBias)
            weights.Add(Own(secondBias, WeightRole.Vector, Name, "the second bias"));
        return [.. weights];
    }

    // A weight's values, from the device.
    private KeptWeightSource Keep(CudaWeight weight)
    {
        CudaRows rows = weight.Rows;
        int size = rows.Type.Size();
        byte[] values = new byte[_counts ? 0 : weight.Shape.Count * size];
        bool whole = rows.Stride == rows.Depth;
        int length = whole ? values.Length : rows.Depth * size;
        for (int at = 0; at < values.Length; at += length)
            _staging.Download(rows.Block.Pointer + (whole ? 0 : (long)at / rows.Depth * rows.Stride), values.AsSpan(at, length));
        return new KeptWeightSource(weight.Name, weight.Shape, rows.Type, values);
    }

    // [N, M] times [M, K], as [N, K]; the open scope owns what that takes. Both have zeros where their rows are filled up, which may be multiplied too and leave zeros.
    private void MultiplyWeights(CudaRows left, CudaRows right, DeviceBlock result)
    {
        ProductColumns turned = Turn(right.Block.Pointer.Address, right.Stride, 1, 1, right.Count, right.Stride);
        KernelArguments arguments = default;
        arguments.Add(left.Block.Pointer.Address).Add(turned with { Depth = turned.Stride }).Add(Plain(result.Pointer.Address, left.Count, right.Stride));
        LaunchProduct("linear", left.Count, right.Stride, turned.Stride, packed: true, ref arguments);
    }

    // W2 b1 + b2 in fp32, as the sums of a product are.
    private void PassBias(in LinearChain chain, CudaWeight second, DeviceBlock result)
    {
        using IDisposable? widened = Widen();
        ProductEpilogue finish = Plain(result.Pointer.Address, 1, second.Shape[0]);
        finish.Bias = chain.Second.Bias is CudaWeight bias ? bias.Address : 0;
        KernelArguments arguments = default;
        arguments.Add(((CudaWeight)chain.First.Bias!).Address).Add(Columns(second)).Add(finish);
        LaunchProduct("linear", 1, second.Shape[0], second.Shape[1], packed: false, ref arguments);
    }
}
