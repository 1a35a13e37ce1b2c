using AudioToken.Audio;
using AudioToken.Backends.Cuda;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Cuda.Tests;

/// <summary>The tables of log-mel features: on the device once, counted as memory, and not there where their upload failed.</summary>
public sealed class LogMelTests
{
    private static readonly float[] s_samples = new Draw(1).Uniform([2800]);

    [Fact]
    public void Tables_AreUploadedOnce() => Run(DType.F32, (setup, ops) =>
    {
        Hear(ops);
        long bytes = setup.Emulator.Count("bytes.up"), copies = setup.Emulator.Count("cuMemcpyHtoDAsync_v2"), kernels = setup.Emulator.Count("kernels");
        TensorAssert.MaxAbs(Fbank.Compute(s_samples), Hear(ops), Tolerance.Chain(1, 2 * (32 / Fbank.Form.Divisor + 2 * 2.4))); // both are rounded
        Assert.Equal((sizeof(float) * s_samples.Length, 1, 1), (setup.Emulator.Count("bytes.up") - bytes, setup.Emulator.Count("cuMemcpyHtoDAsync_v2") - copies, setup.Emulator.Count("kernels") - kernels));
    });

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    public void Count_IsWhatIsTaken(DType storage) => Run(storage, (setup, ops) =>
    {
        setup.Emulator.Set("execute", 0);
        Hear(ops);
        using CountingOps counting = CudaOps.Count(new CudaOptions { Storage = storage, KernelCacheFolder = null });
        Hear(counting);
        Assert.Equal(ops.Memory, counting.Memory);
        Assert.Equal(setup.Emulator.Count("bytes.peak"), ops.Memory.PeakHeldBytes);
    });

    [Theory]
    [InlineData("cuMemcpyHtoDAsync_v2", 2)] // of the samples comes first
    [InlineData("cuMemAllocAsync", 3)] // features, samples, tables
    public void Tables_ThatDidNotArrive_AreUploadedAgain(string call, int nth) => Run(DType.F32, (setup, ops) =>
    {
        setup.Emulator.Fault(call, nth, 1);
        Assert.Throws<CudaException>(() => Hear(ops));
        Assert.Equal((0, 0L), (ops.LiveTensorCount, ops.Memory.LiveBytes));
        TensorAssert.MaxAbs(Fbank.Compute(s_samples), Hear(ops), Tolerance.Chain(1, 2 * (32 / Fbank.Form.Divisor + 2 * 2.4)));
    });

    [Fact]
    public void WithinARepeatedStep_ItIsRefused() => Run(DType.F32, (_, ops) =>
    {
        using TensorScope scope = ops.Scope();
        Assert.Contains("Upload within a repeated step", Assert.Throws<InvalidOperationException>(() => ops.Repeat(_ => ops.LogMel(s_samples, Fbank.Form)).Run()).Message, StringComparison.Ordinal);
    });

    private static float[] Hear(ITensorOps ops)
    {
        using TensorScope scope = ops.Scope();
        return ops.Values(ops.LogMel(s_samples, Fbank.Form));
    }

    private static void Run(DType storage, Action<Setup, CudaOps> test) => Setup.Run(setup =>
    {
        using CudaOps ops = new(new CudaOptions { Storage = storage, KernelCacheFolder = null });
        test(setup, ops);
    });
}
