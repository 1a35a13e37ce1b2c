using AudioToken.Bench.Cases;
using AudioToken.Cli.Benchmarks;
using Xunit;

namespace AudioToken.Tests.Bench;

/// <summary>Names under which PyTorch's measurements of the same work go.</summary>
public sealed class RowsTests
{
    [Theory]
    [InlineData("conv2d", "2x64x64x320,320,3x3,shift", "conv 3x3/1 2x320x64x64->320")]
    [InlineData("conv2d", "2x64x64x640+320,320,1x1", "conv 1x1/1 2x960x64x64->320")]
    [InlineData("conv2d", "2x64x64x320,320,3x3,shortcut640+320,norm", "conv 3x3/1 2x320x64x64->320 + conv 1x1/1 2x960x64x64->320")]
    [InlineData("conv2d", "2x64x64x320,320,3x3,stride2", "conv 3x3/2 2x320x64x64->320")]
    [InlineData("conv2d", "2x32x32x640,640,3x3,up64x64", "conv 3x3/1 2x640x64x64->640")]
    [InlineData("linear", "8192x320,2560,geglu", "linear 8192x320->2560")]
    [InlineData("linear", "8192x320,320,nobias", "linear 8192x320->320 no bias")]
    [InlineData("linear", "8192x1280,640,through320,residual,norm", "linear 8192x1280->320 + linear 8192x320->640")]
    [InlineData("project", "154x768,320,2,nobias", "linear 154x768->320 no bias + linear 154x768->320 no bias")]
    [InlineData("project", "496x768,768,3", "linear 496x768->768 + linear 496x768->768 + linear 496x768->768")]
    [InlineData("attention", "2x4096x320,77,8", "attention 2x8x4096x77x40")]
    [InlineData("attention", "2x77x768,77,12,causal", "attention 2x77x768,77,12,causal")]
    [InlineData("attention", "1x496x768,496,12,gated-bias", "attention 1x496x768,496,12,gated-bias")]
    [InlineData("layer-norm", "8192x320", "layer-norm 8192x320")]
    [InlineData("group-norm", "2x64x1280,32,silu,told", "group-norm 2x64x1280,32,silu")]
    public void Operation_HasPyTorchsName(string operation, string shape, string name) => Assert.Equal(name, RowsFile.NameOf(KernelCases.Parse(operation, shape)));
}
