using AudioToken.Sampling;
using AudioToken.Testing;
using CsCheck;
using Xunit;

namespace AudioToken.Tests.Sampling;

public class NoiseTests
{
    // spec/07, section 12 gives four decimals.
    private const double FourDecimals = 6e-5;

    [Fact]
    public void TorchCpu_DrawsTheKnownNumbers()
    {
        TensorAssert.MaxAbs(
            [-1.1258f, -1.1524f, -0.2506f, -0.4339f, 0.8487f, 0.6920f, -0.3160f, -2.1152f, 0.3223f, -1.2633f, 0.3500f, 0.3081f, 0.1198f, 1.2377f, 1.1168f, -0.2473f],
            Draw(new TorchCpuGenerator(0), 16), FourDecimals);
        TensorAssert.MaxAbs([1.9269f, 1.4873f, 0.9007f, -2.1055f, 0.6784f, -1.2345f, -0.0431f, -1.6047f], Draw(new TorchCpuGenerator(42), 16).AsSpan(0, 8), FourDecimals);
        TensorAssert.MaxAbs([1.5410f, -0.2934f, -2.1788f, 0.5684f, -1.0845f], Draw(new TorchCpuGenerator(0), 5), FourDecimals);
    }

    [Fact]
    public void TorchCpu_KeepsTheSecondNormalOfAPairForTheNextSmallDraw()
    {
        float[] together = Draw(new TorchCpuGenerator(7), 6);
        TorchCpuGenerator generator = new(7);
        float[] apart = [.. Draw(generator, 1), .. Draw(generator, 3), .. Draw(generator, 2)];
        Assert.Equal(together, apart);
    }

    // Recorded from torch 1.13: draws of different sizes from one generator, seed 3.
    [Fact]
    public void TorchCpu_MixesSmallAndLargeDrawsAsPyTorch()
    {
        TorchCpuGenerator generator = new(3);
        TensorAssert.MaxAbs([0.803276f, 0.174833f, 0.088978f], Draw(generator, 3), 1e-6);
        TensorAssert.MaxAbs([-0.271215f, 0.141628f, 0.129518f, 0.681411f], Draw(generator, 20).AsSpan(16), 4.4e-6);
        TensorAssert.MaxAbs([-0.613718f, 0.747697f], Draw(generator, 2), 1e-6);

        INoiseSource half = new TorchCpuGenerator(3).Half;
        Assert.Equal(new[] { 0.80322265625f, 0.1748046875f, 0.0889892578125f, -0.61376953125f, 0.046173095703125f }, Draw(half, 5));
        Assert.Equal(new[] { 1.0419921875f, 0.98046875f, 1.0537109375f, 0.0207672119140625f, -0.89501953125f, -0.66796875f }, Draw(half, 21)[15..]);
    }

    [Fact]
    public void TorchCpu_LooksAtTheLow32BitsOfASeed()
    {
        Assert.Equal(Draw(new TorchCpuGenerator(5), 20), Draw(new TorchCpuGenerator(0xFFFF_FFFF_0000_0005), 20));
        Assert.NotEqual(Draw(new TorchCpuGenerator(5), 20), Draw(new TorchCpuGenerator(6), 20));
    }

    [Fact]
    public void Philox_IsTheKnownFunction() =>
        Assert.Equal((0x6627E8D5u, 0xE169C58Du, 0xBC57AC4Cu, 0x9B00DBD8u), PhiloxGenerator.Random(0, 0, 0, 0, 0, 0));

    [Fact]
    public void TorchCuda_DrawsTheKnownNumbers()
    {
        PhiloxGenerator generator = new(0);
        TensorAssert.MaxAbs([-0.9247f, -0.4253f, -2.6438f, 0.1452f, -0.1209f, -0.5797f, -0.6229f, -0.3284f], Draw(generator, 8), FourDecimals);
        TensorAssert.MaxAbs([0.1808f, -0.5523f, 0.9238f, -0.7350f], Draw(generator, 4), FourDecimals);
        TensorAssert.MaxAbs([0.1940f, 2.1614f, -0.1721f, 0.8491f], Draw(new PhiloxGenerator(42), 4), FourDecimals);
        Assert.NotEqual(Draw(new PhiloxGenerator(5), 4), Draw(new PhiloxGenerator(0xFFFF_FFFF_0000_0005), 4));
    }

    [Fact]
    public void TorchCuda_ReusesThreadsWhereTheGpuHasTooFew()
    {
        // One block of 256 threads for 2048 elements: thread i fills i, i + 256, ... with its four normals, then with those of the next counter.
        float[] few = Draw(new PhiloxGenerator(3, maxBlocks: 1), 2048), many = Draw(new PhiloxGenerator(3), 256);
        Assert.Equal(many, few[..256]);
        PhiloxGenerator second = new(3);
        second.Fill(new float[4]);
        Assert.Equal(Draw(second, 256), few[1024..1280]);
    }

    [Theory]
    [InlineData(NoiseAlgorithm.TorchCpu), InlineData(NoiseAlgorithm.TorchCpuHalf), InlineData(NoiseAlgorithm.TorchCuda)]
    public void AnySeedAndSize_DrawsFiniteNumbersTheSameEachTime(NoiseAlgorithm algorithm) =>
        Gen.Select(Gen.ULong, Gen.Int[0, 100]).Sample((seed, count) =>
        {
            float[] values = Draw(new NoiseStreams(seed, algorithm).Init, count);
            return values.All(float.IsFinite) && values.SequenceEqual(Draw(new NoiseStreams(seed, algorithm).Init, count));
        }, iter: 200);

    [Theory]
    [InlineData(NoiseAlgorithm.TorchCpu), InlineData(NoiseAlgorithm.TorchCpuHalf), InlineData(NoiseAlgorithm.TorchCuda)]
    public void Draws_AreNormal(NoiseAlgorithm algorithm)
    {
        const int Count = 100_000;
        float[] values = Draw(new NoiseStreams(1, algorithm).Init, Count);
        // Five deviations of the mean and of the mean square of that many normals.
        Assert.Equal(0, values.Average(), 5 / Math.Sqrt(Count));
        Assert.Equal(1, values.Average(value => (double)value * value), 5 * Math.Sqrt(2.0 / Count));
    }

    [Fact]
    public void SamplerStream_GoesOnWhereTheInitialDrawEnded()
    {
        NoiseStreams streams = new(11);
        TorchCpuGenerator generator = new(11);
        Assert.Equal(Draw(generator, 64), Draw(streams.Init, 64));
        Assert.Equal(Draw(generator, 64), Draw(streams.Sampler, 64));
    }

    [Fact]
    public void Streams_CanBeReplacedSeparately()
    {
        NoiseStreams streams = new NoiseStreams(11) with { Sampler = new TorchCpuGenerator(99) };
        Assert.Equal(Draw(new TorchCpuGenerator(11), 64), Draw(streams.Init, 64));
        Assert.Equal(Draw(new TorchCpuGenerator(99), 64), Draw(streams.Sampler, 64));
    }

    [Fact]
    public void LatentNoise_IsEachPicturesOwnDrawChannelsLast()
    {
        LatentNoise noise = new(NoiseStreams.ForBatch(ulong.MaxValue, 2), height: 3, width: 5);
        float[] init = new float[noise.Shape.Count], step = new float[noise.Shape.Count];
        noise.DrawInit(init);
        noise.DrawStep(step);
        for (int picture = 0; picture < 2; picture++)
        {
            TorchCpuGenerator generator = new(unchecked(ulong.MaxValue + (ulong)picture));
            AssertPicture(Draw(generator, 60), init.AsSpan(picture * 60, 60));
            AssertPicture(Draw(generator, 60), step.AsSpan(picture * 60, 60));
        }

        static void AssertPicture(float[] planes, Span<float> actual)
        {
            for (int c = 0; c < 4; c++)
            {
                for (int p = 0; p < 15; p++)
                    Assert.Equal(planes[c * 15 + p], actual[p * 4 + c]);
            }
        }
    }

    private static float[] Draw(INoiseSource source, int count)
    {
        float[] values = new float[count];
        source.Fill(values);
        return values;
    }
}
