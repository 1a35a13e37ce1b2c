using AudioToken.Backends.Cuda;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;
using Xunit;

namespace AudioToken.Cuda.Tests;

/// <summary>Tensors of more elements than an int counts: launched where rows and pixels are not too many, else refused by name.</summary>
/// <remarks>The device reserves their memory and runs nothing. That offsets are of 64 bits is said at <c>CudaOps.Counted</c> and seen in the kernels.</remarks>
public sealed class LargeTensorTests
{
    private const int Side = 8192, Channels = 64; // 2^32 elements, 8 GB in half precision

    [Fact]
    public void MoreElementsThanAnIntCounts_AreLaunched() => Setup.Run(setup =>
    {
        setup.Emulator.Set("execute", 0);
        setup.Emulator.Set("memory", 1L << 40);
        using CudaOps ops = new(new CudaOptions { Storage = DType.F16, KernelCacheFolder = null });
        using Weight square = Load(ops, WeightRole.Linear, [Channels, Channels]), kernel = Load(ops, WeightRole.Conv2d, [Channels, Channels, 3, 3]);
        using Weight pixel = Load(ops, WeightRole.Conv2d, [Channels, Channels, 1, 1]), vector = Load(ops, WeightRole.Vector, [Channels]);
        using Weight again = Load(ops, WeightRole.Linear, [Channels, Channels]);
        LinearChain chain = new(new(square, null), new(again, vector));
        ops.Prepare(chain);
        using TensorScope scope = ops.Scope();
        Tensor map = ops.RepeatBatch(Small(ops, again, Side), Side).Reshape([1, Side, Side, Channels]);
        Assert.True(map.Shape.Count > int.MaxValue);
        setup.Emulator.Reset();
        foreach (Func<Tensor> operation in new Func<Tensor>[]
        {
            () => ops.Linear(map, again, default),
            () => ops.LinearChain(map, chain, map, new() { Residual = map }),
            () => ops.Conv2d(map, kernel, new ConvGeometry(stride: 1, padding: 1), default),
            () => ops.Conv2dWithShortcut(map, kernel, new ConvGeometry(stride: 1, padding: 1), default, new Shortcut(map, pixel, vector)),
            () => ops.GroupNorm(map, vector, vector, 32, 1e-5f, Activation.Silu),
            () => ops.LayerNorm(map, vector, vector, 1e-5f),
            () => ops.Activate(map, Activation.Silu),
            () => ops.WeightedSum([new WeightedTensor(map, 2), new WeightedTensor(map, 3)]),
            () => ops.Clamp(map, -1, 1),
            () => ops.Concat([map, map]),
        })
        {
            using TensorScope one = ops.Scope();
            Assert.True(operation().Shape.Count > int.MaxValue);
        }

        Assert.Equal(10, setup.Emulator.Count("kernels"));
    });

    [Fact]
    public void MoreBytesThanAnIntCounts_AreUploaded() => Setup.Run(setup =>
    {
        const int Values = (1 << 29) + 8; // 2 GB and some
        setup.Emulator.Set("execute", 0);
        using CudaOps ops = new(new CudaOptions { KernelCacheFolder = null });
        using TensorScope scope = ops.Scope();
        ops.Upload(new float[Values], [Values]);
        Assert.Equal(4L * Values, setup.Emulator.Count("bytes.up"));
    });

    [Fact]
    public void MoreRowsOrPixelsThanTheKernelsCount_AreRefused() => Setup.Run(setup =>
    {
        using CountingOps ops = CudaOps.Count(new CudaOptions { Storage = DType.F16, KernelCacheFolder = null });
        using Weight one = Load(ops, WeightRole.Linear, [1, 1]), kernel = Load(ops, WeightRole.Conv2d, [1, 1, 1, 1]), vector = Load(ops, WeightRole.Vector, [1]);
        using TensorScope scope = ops.Scope();
        Tensor rows = ops.RepeatBatch(Small(ops, one, 1 << 16), 1 << 15); // 2^31 of one element
        Tensor map = rows.Reshape([1 << 15, 1 << 8, 1 << 8, 1]);
        Refused(() => ops.Linear(rows, one, default), "Linear: 2147483648 rows");
        Refused(() => ops.LayerNorm(rows, vector, vector, 1e-5f), "LayerNorm: 2147483648 rows");
        Refused(() => ops.GroupNorm(map.Reshape([1, 1 << 15, 1 << 16, 1]), vector, vector, 1, 1e-5f), "GroupNorm: 2147483648 rows");
        Refused(() => ops.Conv2d(map, kernel, new ConvGeometry(stride: 2, padding: 0), default), "Conv2d: 2147483648 pixels of x");
        Tensor half = ops.RepeatBatch(Small(ops, one, 1 << 16), 1 << 14).Reshape([1 << 14, 1 << 8, 1 << 8, 1]);
        Refused(() => ops.Conv2d(half, kernel, new ConvGeometry(stride: 1, padding: 0) { UpsampleHeight = 1 << 9, UpsampleWidth = 1 << 8 }, default), "Conv2d: 2147483648 rows");
    });

    [Fact]
    public void MoreBlocksThanALaunchHas_AreRefused() => Setup.Run(setup =>
    {
        const int Samples = 1 << 16;
        setup.Emulator.Set("execute", 0);
        using CudaOps ops = new(new CudaOptions { Storage = DType.F16, KernelCacheFolder = null });
        using Weight square = Load(ops, WeightRole.Linear, [8, 8]), vector = Load(ops, WeightRole.Vector, [8]);
        using TensorScope scope = ops.Scope();
        Tensor map = ops.RepeatBatch(Small(ops, square, 1), Samples);
        Refused(() => ops.GroupNorm(map, vector, vector, 1, 1e-5f), "GroupNorm: a launch has at most 65535 blocks along y and z, this one 65536 and 1", "");
        Refused(() => ops.Attention(map, map, map, new AttentionOptions { Heads = 1, Scale = 1 }), "Attention: a launch has at most 65535 blocks along y and z, this one 1 and 65536", "");
        ops.Linear(map, square, default); // has its samples along x
    });

    [Fact]
    public void AWeightOfMoreBytesThanAnUnsignedCounts_IsRefused() => Setup.Run(_ =>
    {
        using CountingOps ops = CudaOps.Count(new CudaOptions { Storage = DType.F16, KernelCacheFolder = null });
        Refused(() => ops.LoadWeight(new Unread([1 << 15, 1 << 15]), WeightRole.Linear), "LoadWeight: a weight of 32768 rows of 32768 elements, products reach 1073741823", "");
        Refused(() => ops.LoadWeight(new Unread([1 << 13, 1 << 13, 3, 3]), WeightRole.DoublingConv2d), "LoadWeight: a weight of 8192 rows of 131072 elements, products reach 1073741823", "");
        ops.LoadWeight(new Unread([1 << 15, (1 << 15) - 8]), WeightRole.Linear).Dispose();
    });

    private static void Refused(Func<object> operation, string beginning, string ending = ", the kernels count up to 2147418112")
    {
        CudaException refused = Assert.Throws<CudaException>(() => { operation(); });
        Assert.Equal(CudaErrors.TooLarge, refused.Code);
        Assert.Equal(beginning + ending, refused.Message);
        Assert.Equal("draw fewer pictures at once (-b) or smaller ones, or decode in strips (--tiled-vae)", refused.Hint);
    }

    // [1, length, N] in half precision.
    private static Tensor Small(ITensorOps ops, Weight square, int length) =>
        ops.Linear(ops.Upload(new float[(long)length * square.Shape[1]], [1, length, square.Shape[1]]), square, default);

    private static Weight Load(ITensorOps ops, WeightRole role, Shape shape) => ops.LoadWeight(new ArrayWeightSource("w", shape, new float[shape.Count]), role);

    // Of a shape alone: where memory is only counted nothing is read.
    private sealed class Unread(Shape shape) : WeightSource("w", shape, DType.F16)
    {
        public override void Read(long start, Span<float> destination) => throw new InvalidOperationException("nothing is to be read");
    }
}
