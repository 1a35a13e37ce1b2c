using AudioToken.Pipelines.Imaging;
using AudioToken.Tensors;
using Xunit;

namespace AudioToken.Tests.Imaging;

public sealed class ImageBufferTests
{
    [Fact]
    public void Rgb8_ClampsAndRoundsHalvesToEven()
    {
        // 0.5 is 127.5 of 255 and -0.5's 63.75 is no half; 2·(k + 0.5)/255 - 1 is an exact half only for k = 127.
        float[] values = [-1, 1, 0, -7, 7, -0.5f, 2 * (10f / 255) - 1, 2 * (10.49f / 255) - 1, 2 * (10.51f / 255) - 1];
        Assert.Equal([0, 255, 128, 0, 255, 64, 10, 10, 11], Array.ConvertAll(values, Rgb8.Of));
    }

    [Fact]
    public void SizesThatDoNotFit_AreRefused() =>
        Assert.Equal("ImageBuffer: 5 bytes are no 2×1 picture of three bytes a pixel.", Assert.Throws<ShapeException>(() => new ImageBuffer(2, 1, new byte[5])).Message);
}
