using AudioToken.Backends.Cuda;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Backends.Cuda.Memory;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Cuda.Tests;

/// <summary>What lies on the device after a weight was loaded, and in how many copies it came there.</summary>
public sealed class WeightUploadTests
{
    private const int BufferBytes = 8 << 20;

    // More than a buffer's worth in fp16, ragged rows, windows, and what lies on the device as it does in the file.
    public static TheoryData<WeightRole, int[], DType> Weights
    {
        get
        {
            TheoryData<WeightRole, int[], DType> rows = new();
            foreach (DType type in (DType[])[DType.F16, DType.BF16, DType.F32])
            {
                rows.Add(WeightRole.Linear, [2050, 2056], type);
                rows.Add(WeightRole.Linear, [2050, 2051], type);
                rows.Add(WeightRole.Conv2d, [500, 1001, 3, 3], type);
                rows.Add(WeightRole.Linear, [1, 5_000_000], type);
                rows.Add(WeightRole.Linear, [3, 1], type);
                rows.Add(WeightRole.Conv2d, [3, 0, 3, 3], type);
            }

            return rows;
        }
    }

    [Theory, MemberData(nameof(Weights))]
    public void Weight_ComesWhole_InCopiesAsLargeAsTheBuffers(WeightRole role, int[] extents, DType stored) => Setup.Run(setup =>
    {
        Shape shape = new(extents);
        int rows = shape[0], depth = (int)(shape.Count / rows), taps = role == WeightRole.Conv2d ? 9 : 1, channels = depth / taps;
        float[] values = new float[shape.Count];
        for (int i = 0; i < values.Length; i++)
            values[i] = i * 7919 % 509 - 254; // exact in every type
        using CudaOps ops = new(new CudaOptions { Storage = DType.F16, KernelCacheFolder = null });
        setup.Emulator.Reset();
        using CudaWeight weight = (CudaWeight)ops.LoadWeight(stored == DType.F32 ? new ArrayWeightSource("w", shape, values) : new StoredHalvesSource("w", shape, stored, values), role);

        int stride = weight.Rows.Stride;
        long bytes = (long)rows * stride * 2;
        Assert.Equal((depth + 7) / 8 * 8, stride);
        Assert.Equal(bytes, setup.Emulator.Count("bytes.up"));
        Assert.InRange(setup.Emulator.Count("cuMemcpyHtoDAsync_v2"), (bytes + BufferBytes - 1) / BufferBytes, (bytes / (BufferBytes / 2)) + 1);
        ReadOnlySpan<Half> found = OnDevice(weight.Rows);
        for (int row = 0; row < rows; row++)
        {
            for (int i = 0; i < stride; i++)
            {
                float wanted = i < depth ? values[(row * depth) + (i % channels * taps) + (i / channels)] : 0;
                if ((float)found[(row * stride) + i] != wanted)
                    Assert.Fail($"row {row}, element {i}: {found[(row * stride) + i]}, wanted {wanted}");
            }
        }
    });

    // All sums are exact in fp32; those of the first channel are more than fp16 holds.
    [Theory]
    [InlineData(DType.F16)]
    [InlineData(DType.F32)]
    public void WeightOfDoubledMaps_RestsAsTheSumsOfItsPhases_AndIsWholeWhenItIsAskedFor(DType stored) => Setup.Run(setup =>
    {
        Shape shape = [3, 5, 3, 3];
        float[] values = new float[shape.Count];
        for (int i = 0; i < values.Length; i++)
            values[i] = i * 7919 % 509 - 254;
        values[1] = 2047;
        using CudaOps ops = new(new CudaOptions { Storage = DType.F16, KernelCacheFolder = null });
        setup.Emulator.Reset();
        using CudaWeight weight = (CudaWeight)ops.LoadWeight(stored == DType.F32 ? new ArrayWeightSource("w", shape, values) : new StoredHalvesSource("w", shape, stored, values), WeightRole.DoublingConv2d);
        Assert.Equal(WeightRole.Conv2d, weight.Role);
        CudaRows phases = weight.Phases!.Value;
        Assert.Equal((3, 20, 96), (phases.Count, phases.Depth, phases.Stride)); // four taps of five channels, filled up to 24, four times
        Assert.Equal((576, 1024), (setup.Emulator.Count("bytes.up"), ops.WeightBytes)); // memory comes by 512 bytes
        Half[] found = OnDevice(phases).ToArray();
        (int First, int Last)[] taps = [(0, 0), (1, 2), (0, 1), (2, 2)]; // what the two of the even phase and the two of the odd one are sums of
        for (int i = 0; i < found.Length; i++)
        {
            (int row, int phase, int k) = (i / 96, i % 96 / 24, i % 24);
            ((int top, int bottom), (int left, int right)) = k < 20 ? (taps[(phase / 2 * 2) + (k / 10)], taps[(phase % 2 * 2) + (k / 5 % 2)]) : ((0, -1), (0, -1));
            float wanted = 0;
            for (int y = top; y <= bottom; y++)
            {
                for (int x = left; x <= right; x++)
                    wanted += values[(((row * 5) + (k % 5)) * 9) + (y * 3) + x];
            }

            Assert.Equal((Half)wanted, found[i]);
        }

        using CudaWeight plain = (CudaWeight)ops.LoadWeight(new ArrayWeightSource("w", shape, values), WeightRole.Conv2d);
        long before = ops.Memory.PeakHeldBytes;
        Assert.False(weight.HasRows);
        Assert.Equal(OnDevice(plain.Rows), OnDevice(weight.Rows));
        Assert.Equal(512, ops.Memory.PeakHeldBytes - before);

        float[] others = [.. values.Select(value => -value)];
        ops.Assign(weight, others);
        Assert.Equal(OnDevice(plain.Rows).ToArray(), Array.ConvertAll(OnDevice(weight.Rows).ToArray(), value => -value));
        Assert.Equal(found, Array.ConvertAll(OnDevice(phases).ToArray(), value => -value));
        Assert.Equal(
            "LoadWeight: 'w' is [3, 5, 1, 9]; role DoublingConv2d wants [out, in, 3, 3].",
            Assert.Throws<ShapeException>(() => ops.LoadWeight(new ArrayWeightSource("w", [3, 5, 1, 9], values), WeightRole.DoublingConv2d)).Message);
    });

    // Sums are whole numbers that fp32 holds; fp16 does not hold those of the weights beyond 2048, nor those of the biases at all.
    [Fact]
    public void WeightsOfTwoLayers_RestAsTheirProduct_AndAreWholeWhenTheyAreAskedFor() => Setup.Run(setup =>
    {
        float[] w1 = Numbers(5 * 20, 121), w2 = Numbers(3 * 5, 121), b1 = Numbers(5, 8001), b2 = Numbers(3, 8001);
        using CudaOps ops = new(new CudaOptions { Storage = DType.F16, KernelCacheFolder = null });
        LinearChain chain = Load(w1, b1, w2, b2);
        CudaWeight[] weights = Parts(chain);
        Half[] plain = OnDevice(weights[0].Rows).ToArray();
        long before = ops.WeightBytes;
        ops.Prepare(chain);
        CudaChain made = weights[0].Chain!;
        Assert.All(weights, weight => Assert.Same(made, weight.Chain));
        Assert.False(weights[0].HasRows);
        Assert.Equal(512, ops.WeightBytes - before); // memory comes by 512 bytes: the biases' sums beside them, the product for the first weight
        Assert.Equal((3, 20, 24), (made.Rows.Count, made.Rows.Depth, made.Rows.Stride));
        ReadOnlySpan<Half> found = OnDevice(made.Rows);
        Assert.Contains(found.ToArray(), value => Half.Abs(value) > (Half)2048);
        for (int i = 0; i < found.Length; i++)
        {
            (int row, int k) = (i / 24, i % 24);
            float wanted = k < 20 ? Enumerable.Range(0, 5).Sum(m => w2[(row * 5) + m] * w1[(m * 20) + k]) : 0;
            Assert.Equal((Half)wanted, found[i]);
        }

        Assert.Equal([.. Enumerable.Range(0, 3).Select(row => Enumerable.Range(0, 5).Sum(m => w2[(row * 5) + m] * b1[m]) + b2[row])], Floats(made.Bias!, 3));

        // As it stands, beside the product, until a value changes: then no product is taken for one of what was.
        using TensorScope scope = ops.Scope();
        Tensor x = ops.Normal(new Draw(1), [7, 20]), between = ops.Normal(new Draw(2), [7, 5]);
        long peak = ops.Memory.PeakHeldBytes;
        Assert.Equal(plain, OnDevice(weights[0].Rows));
        Assert.Equal(512, ops.Memory.PeakHeldBytes - peak);
        foreach ((CudaWeight changed, float[] values) in weights.Zip((float[][])[w1, w2, b1, b2]))
        {
            Assert.Equal(made.Layers, changed.Chain!.Layers);
            ops.Assign(changed, [.. values.Select(value => value / 2)]);
            Assert.All(weights, weight => Assert.Null(weight.Chain));
            float[] apart = ops.Values(ops.LinearChain(x, chain, between, default));
            using CudaWeight other = (CudaWeight)ops.LoadWeight(new ArrayWeightSource("w", changed.Shape, [.. values.Select(value => value / 2)]), changed.Role);
            LinearChain fresh = new(
                new(changed == weights[0] ? other : weights[0], changed == weights[2] ? other : weights[2]), new(changed == weights[1] ? other : weights[1], changed == weights[3] ? other : weights[3]));
            Assert.Equal(ops.Values(ops.LinearChain(x, fresh, between, default)), apart);
            ops.Assign(changed, values);
            ops.Prepare(chain);
        }

        Assert.Equal(plain, OnDevice(weights[0].Rows));
        weights[3].Dispose(); // none of them outlives a product of theirs
        Assert.Null(weights[0].Chain);
        foreach (CudaWeight weight in weights)
            weight.Dispose();
        Assert.Equal(0, ops.WeightBytes);

        static float[] Numbers(int count, int range) => [.. Enumerable.Range(1, count).Select(i => (float)((i * 7919 % range) - (range / 2)))];

        LinearChain Load(float[] first, float[] firstBias, float[] second, float[] secondBias) => new(
            new(ops.LoadWeight(new ArrayWeightSource("w1", [5, 20], first), WeightRole.Linear), ops.LoadWeight(new ArrayWeightSource("b1", [5], firstBias), WeightRole.Vector)),
            new(ops.LoadWeight(new ArrayWeightSource("w2", [3, 5], second), WeightRole.Linear), ops.LoadWeight(new ArrayWeightSource("b2", [3], secondBias), WeightRole.Vector)));
    });

    [Theory]
    [InlineData(DType.F16, 8, 1)]
    [InlineData(DType.BF16, 5, 1)]
    [InlineData(DType.F16, 9, 2)] // the product would be larger than the first weight
    [InlineData(DType.F32, 8, 2)]
    public void TwoLayers_AreOneLaunch_WhereThatCostsNothing(DType storage, int columns, int kernels) => Setup.Run(setup =>
    {
        using CudaOps ops = new(new CudaOptions { Storage = storage, KernelCacheFolder = null });
        using Weight first = ops.Weight(new Draw(1), WeightRole.Linear, [8, 16]), second = ops.Weight(new Draw(2), WeightRole.Linear, [columns, 8]), third = ops.Weight(new Draw(3), WeightRole.Linear, [columns, 8]);
        LinearChain chain = new(new(first, null), new(second, null)), other = new(new(first, null), new(third, null));
        ops.Prepare(chain);
        ops.Prepare(other); // whose first weight is taken
        using TensorScope scope = ops.Scope();
        Tensor x = ops.Clamp(ops.Linear(ops.Normal(new Draw(4), [3, 8]), ops.Weight(new Draw(5), WeightRole.Linear, [16, 8]), default), -1, 1), residual = ops.Linear(x, ops.Weight(new Draw(6), WeightRole.Linear, [8, 16]), default);
        Assert.Equal(kernels, Launches(() => ops.LinearChain(x, chain, residual, default)));
        Assert.Equal(2, Launches(() => ops.LinearChain(x, other, residual, default)));

        long Launches(Action action)
        {
            setup.Emulator.Reset();
            action();
            return setup.Emulator.Count("kernels");
        }
    });

    [Fact]
    public void TwoLayers_ForWhoseProductThereIsNoMemory_StayAsTheyAre() => Setup.Run(setup =>
    {
        const int OutOfMemory = 2;
        using CudaOps ops = new(new CudaOptions { Storage = DType.F16, KernelCacheFolder = null });
        using CudaWeight first = (CudaWeight)ops.Weight(new Draw(1), WeightRole.Linear, [8, 16]), second = (CudaWeight)ops.Weight(new Draw(2), WeightRole.Linear, [8, 8]);
        using Weight bias = ops.Weight(new Draw(3), WeightRole.Vector, [8]);
        LinearChain chain = new(new(first, bias), new(second, null));
        long bytes = ops.WeightBytes;
        int failed = 0;
        while (true)
        {
            ops.Trim();
            setup.Emulator.Reset();
            setup.Emulator.Fault("cuMemAllocAsync", failed + 1, OutOfMemory); // and once more, after what waits was freed
            setup.Emulator.Fault("cuMemAllocAsync", failed + 1, OutOfMemory);
            if (Record.Exception(() => ops.Prepare(chain)) is not { } failure)
                break;
            Assert.Equal(CudaErrors.Memory, Assert.IsType<CudaException>(failure).Code);
            Assert.Equal((bytes, 0), (ops.WeightBytes, ops.LiveTensorCount));
            Assert.True(first.HasRows && first.Chain is null && second.Chain is null);
            failed++;
        }

        Assert.Equal(4, failed); // the product, the first weight turned round, the biases' sum, the second weight in fp32
        Assert.NotNull(first.Chain);
    });

    [Fact]
    public void SeveralThreads_ReadAtOnce() => Setup.Run(_ =>
    {
        Assert.SkipWhen(Environment.ProcessorCount < 2, "one processor reads by itself");
        using CudaOps ops = new(new CudaOptions { KernelCacheFolder = null });
        using Meeting source = new();
        ops.LoadWeight(source, WeightRole.Linear).Dispose();
        Assert.True(source.HaveMet);
    });

    [Fact]
    public void AFailure_IsToldAsItIs_OfSeveralTheFirst() => Setup.Run(_ =>
    {
        using CudaOps ops = new(new CudaOptions { KernelCacheFolder = null });
        Assert.Equal("no element 0", Assert.Throws<InvalidDataException>(() => ops.LoadWeight(new Broken(), WeightRole.Linear)).Message);
        Assert.Equal(0, ops.WeightBytes);
        using Weight next = ops.LoadWeight(new ArrayWeightSource("w", [8, 8], new float[64]), WeightRole.Linear);
        Assert.Equal(
            "LoadWeight: 'w' is [1, 5000001]; a row has 5000001 elements, more than 4194304.",
            Assert.Throws<ShapeException>(() => ops.LoadWeight(new ArrayWeightSource("w", [1, 5_000_001], new float[5_000_001]), WeightRole.Linear)).Message);
    });

    private static CudaWeight[] Parts(LinearChain chain) =>
        [.. new[] { chain.First.Weight, chain.Second.Weight, chain.First.Bias, chain.Second.Bias }.Select(weight => (CudaWeight)weight!)];

    // The emulated device's memory is the process's.
    private static unsafe ReadOnlySpan<Half> OnDevice(CudaRows rows) => new((void*)rows.Block.Pointer.Address, rows.Count * rows.Stride);

    private static unsafe float[] Floats(DeviceBlock block, int count) => new ReadOnlySpan<float>((void*)block.Pointer.Address, count).ToArray();

    // Readers wait for each other.
    private sealed class Meeting() : WeightSource("w", [2048, 2048], DType.F32), IDisposable
    {
        private readonly CountdownEvent _readers = new(2);

        public bool HaveMet { get; private set; }

        public override void Read(long start, Span<float> destination)
        {
            lock (_readers)
            {
                if (_readers.IsSet)
                    return;
                _readers.Signal();
            }

            HaveMet |= _readers.Wait(TimeSpan.FromSeconds(30));
        }

        public void Dispose() => _readers.Dispose();
    }

    private sealed class Broken() : WeightSource("w", [2048, 2048], DType.F32)
    {
        public override void Read(long start, Span<float> destination) => throw new InvalidDataException($"no element {start}");
    }
}
