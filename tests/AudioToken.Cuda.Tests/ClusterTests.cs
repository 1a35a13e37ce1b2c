using AudioToken.Backends.Cuda;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Cuda.Tests;

/// <summary>Blocks that run together: taken where the device has them, done without where it has not.</summary>
public sealed class ClusterTests
{
    [Theory]
    [InlineData(80, 0)]
    [InlineData(90, 1)]
    public void GroupNorm_IsRightWithAndWithoutThem(int capability, int launches) => Setup.Run(setup =>
    {
        Check(setup, capability, [2, 300, 320], 32);
        Assert.Equal((launches, 1), (setup.Emulator.Count("cuLaunchKernelEx"), setup.Emulator.Count("kernel:group_norm_f32")));
    });

    // Of one group of as many packs as a block has threads; a block of sm_86 or sm_120 has 99 KB, where others have 163 and more.
    [Theory]
    [InlineData(80)]
    [InlineData(86)]
    [InlineData(120)]
    public void WideGroup_TakesNoMoreSharedMemoryThanThereIs(int capability) => Setup.Run(setup =>
    {
        Check(setup, capability, [1, 20, 2560], 1);
        Assert.Equal(1, setup.Emulator.Count("kernel:group_norm_f32"));
    });

    private static void Check(Setup setup, int capability, Shape shape, int groups)
    {
        // As NormTests: the roundings of a normal value, its factor, and the mean's last place.
        const double Tolerance = 10 * 6 * Testing.Tolerance.Roundoff;
        OpCase norm = new("clusters", Tolerance, (ops, draw) =>
        {
            Tensor x = ops.Normal(draw, shape);
            using Weight gamma = ops.Weight(draw, WeightRole.Vector, [shape[^1]], 1, 0.15), beta = ops.Weight(draw, WeightRole.Vector, [shape[^1]]);
            return ops.GroupNorm(x, gamma, beta, groups, 1e-5f);
        });
        setup.Emulator.Set("capability", capability);
        using CudaOps ops = new(new CudaOptions { Storage = DType.F32, KernelCacheFolder = null });
        norm.Check(ops);
    }
}
