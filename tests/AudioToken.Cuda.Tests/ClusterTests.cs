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
        // As NormTests: the roundings of a normal value, its factor, and the mean's last place.
        const double Tolerance = 10 * 6 * Testing.Tolerance.Roundoff;
        OpCase norm = new("clusters", Tolerance, (ops, draw) =>
        {
            Tensor x = ops.Normal(draw, [2, 300, 320]);
            using Weight gamma = ops.Weight(draw, WeightRole.Vector, [320], 1, 0.15), beta = ops.Weight(draw, WeightRole.Vector, [320]);
            return ops.GroupNorm(x, gamma, beta, 32, 1e-5f);
        });
        setup.Emulator.Set("capability", capability);
        using CudaOps ops = new(new CudaOptions { Storage = DType.F32, KernelCacheFolder = null });
        norm.Check(ops);
        Assert.Equal((launches, 1), (setup.Emulator.Count("cuLaunchKernelEx"), setup.Emulator.Count("kernel:group_norm_f32")));
    });
}
