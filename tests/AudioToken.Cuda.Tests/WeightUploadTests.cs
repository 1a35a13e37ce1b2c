using AudioToken.Backends.Cuda;
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

        long bytes = (long)rows * weight.Stride * 2;
        Assert.Equal((depth + 7) / 8 * 8, weight.Stride);
        Assert.Equal(bytes, setup.Emulator.Count("bytes.up"));
        Assert.InRange(setup.Emulator.Count("cuMemcpyHtoDAsync_v2"), (bytes + BufferBytes - 1) / BufferBytes, (bytes / (BufferBytes / 2)) + 1);
        ReadOnlySpan<Half> found = OnDevice(weight, rows * weight.Stride);
        for (int row = 0; row < rows; row++)
        {
            for (int i = 0; i < weight.Stride; i++)
            {
                float wanted = i < depth ? values[(row * depth) + (i % channels * taps) + (i / channels)] : 0;
                if ((float)found[(row * weight.Stride) + i] != wanted)
                    Assert.Fail($"row {row}, element {i}: {found[(row * weight.Stride) + i]}, wanted {wanted}");
            }
        }
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

    // The emulated device's memory is the process's.
    private static unsafe ReadOnlySpan<Half> OnDevice(CudaWeight weight, int count) => new((void*)weight.Address, count);

    // Readers wait for each other.
    private sealed class Meeting() : WeightSource("w", [2048, 2048], DType.F32), IDisposable
    {
        private readonly CountdownEvent _readers = new(2);

        public bool HaveMet { get; private set; }

        public override void Read(long start, Span<float> destination)
        {
            if (_readers.IsSet)
                return;
            _readers.Signal();
            HaveMet |= _readers.Wait(TimeSpan.FromSeconds(30));
        }

        public void Dispose() => _readers.Dispose();
    }

    private sealed class Broken() : WeightSource("w", [2048, 2048], DType.F32)
    {
        public override void Read(long start, Span<float> destination) => throw new InvalidDataException($"no element {start}");
    }
}
