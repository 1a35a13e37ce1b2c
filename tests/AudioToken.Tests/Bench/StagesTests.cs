using AudioToken.Bench;
using AudioToken.Tensors;
using Xunit;

namespace AudioToken.Tests.Bench;

/// <summary>What a stage's operations are counted to be, against FLOPs of PyTorch's graphs of the same networks.</summary>
public sealed class StagesTests
{
    [Theory]
    [InlineData("fbank", 0)]
    [InlineData("beats", 98.5)]
    [InlineData("embedder", 8.8)]
    [InlineData("text", 26.6)]
    [InlineData("unet-1", 803.27)]
    [InlineData("unet-2", 1606.55)]
    [InlineData("step-1", 800.27)]
    [InlineData("vae", 2515)]
    public void Flops_AreThoseOfThePublishedNetwork(string name, double gigaFlops)
    {
        ShapeOps shapes = new();
        using TensorScope scope = shapes.Scope();
        StageProfile profile = new(shapes);
        using Stages stages = new(shapes, BenchModel.Synthetic(SizedModel.StableDiffusion14));

        stages.Build(name).Run(profile);

        Assert.Equal(gigaFlops, profile.Flops / 1e9, tolerance: 0.005 * gigaFlops);
        Assert.Equal(profile.Flops, profile.Classes.Sum(item => item.Flops));
    }

    [Fact]
    public void Stage_ThatThereIsNotIsRefused() => Assert.Throws<ArgumentException>(() => new Stages(new ShapeOps(), BenchModel.Synthetic(SizedModel.Tiny)).Build("audio"));
}
