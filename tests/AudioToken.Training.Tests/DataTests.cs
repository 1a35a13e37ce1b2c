using AudioToken.Pipelines.Imaging;
using AudioToken.Tensors;
using AudioToken.Training.Data;
using AudioToken.Training.Runs;
using Xunit;

namespace AudioToken.Training.Tests;

public sealed class DataTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("audiotoken-data-").FullName;

    [Fact]
    public void PlainFolder_PairsByName()
    {
        Touch("b.wav", "b.jpg", "a.flac", "a.png", "alone.wav", "c.txt");
        List<string> without = [];
        Assert.Equal(["a", "b"], SampleList.Read(_folder, without: without.Add).Select(sample => sample.Id));
        Assert.Equal([Path.Combine(_folder, "alone.wav")], without);
    }

    [Fact]
    public void VggSoundsLayout_TakesEveryFrame()
    {
        Touch("audio/x_0_10.wav", "audio/y_0_10.wav", "frames/x_0_10.png", "frames/y_0_10/0003.png", "frames/y_0_10/0001.jpg");
        Assert.Equal(["x_0_10", "y_0_10/0001", "y_0_10/0003"], SampleList.Read(_folder).Select(sample => sample.Id));
    }

    [Fact]
    public void Manifest_IsReadLineByLine()
    {
        File.WriteAllText(Path.Combine(_folder, "manifest.jsonl"), """
            {"audio": "s/rain.wav", "image": "rain.png", "name": "r", "kind": "rain"}

            {"audio": "dog.wav", "image": "dog.png"}
            """);
        Assert.Equal(
            [new TrainingSample("r", Path.Combine(_folder, "s/rain.wav"), Path.Combine(_folder, "rain.png"), "rain"), new("dog.wav", Path.Combine(_folder, "dog.wav"), Path.Combine(_folder, "dog.png"))],
            SampleList.Read(_folder));
    }

    [Theory]
    [InlineData("{\"audio\": \"a.wav\"}", "line 1: wanted a JSON object with \"audio\" and \"image\"")]
    [InlineData("audio", "line 1 is not JSON")]
    public void ABadLine_IsNamed(string line, string wanted)
    {
        File.WriteAllText(Path.Combine(_folder, "manifest.jsonl"), line);
        AudioTokenException refused = Assert.Throws<AudioTokenException>(() => SampleList.Read(_folder));
        Assert.Equal(3701, refused.Code);
        Assert.Contains(wanted, refused.Message, StringComparison.Ordinal);
    }

    // A ramp stays a ramp away from the edges, a flat picture stays flat, and nothing moves at the same size.
    [Theory]
    [InlineData(64, 20)]
    [InlineData(64, 100)]
    [InlineData(64, 64)]
    public void Resizing_KeepsRampsAndFlats(int size, int newSize)
    {
        byte[] ramp = new byte[size * size * 3];
        for (int i = 0; i < ramp.Length; i++)
            ramp[i] = i % 3 == 2 ? (byte)77 : (byte)(3 * (i / 3 % size));
        byte[] resized = PictureFile.Resize(ramp, size, size, newSize, newSize);
        double scale = (double)size / newSize;
        int margin = (int)Math.Ceiling(2 * Math.Max(1, scale) / scale);
        for (int y = 0; y < newSize; y++)
        {
            for (int x = 0; x < newSize; x++)
            {
                Assert.Equal(77, resized[(((y * newSize) + x) * 3) + 2]);
                double wanted = 3 * (((x + 0.5) * scale) - 0.5);
                if (x >= margin && x < newSize - margin)
                    Assert.InRange(resized[((y * newSize) + x) * 3], wanted - 1, wanted + 1);
            }
        }
    }

    [Fact]
    public void APng_IsScaledToTheRangeOfTheModel()
    {
        string path = Path.Combine(_folder, "two.png");
        PngWriter.Save(path, new ImageBuffer(2, 1, [0, 255, 0, 255, 0, 51]));
        Assert.Equal([-1, 1, -1, 1, -1, -0.6f], PictureFile.Read(path, 2, 1));
    }

    // RFC 3720, B.4: the CRC-32C of 32 zeros is 8a9136aa; masked as TFRecord does.
    [Fact]
    public void RecordChecksums_AreTensorFlows() => Assert.Equal(unchecked(((0x8a9136aau >> 15) | (0x8a9136aau << 17)) + 0xa282ead8u), TensorBoardLog.MaskedCrc(new byte[32]));

    [Fact]
    public void AnOrder_IsAShuffleOfEachEpoch()
    {
        SampleOrder order = new(7, 3);
        int[] first = [.. Enumerable.Range(0, 7).Select(place => order.At(place))], second = [.. Enumerable.Range(7, 7).Select(place => order.At(place))];
        Assert.Equal(Enumerable.Range(0, 7), first.Order());
        Assert.Equal(Enumerable.Range(0, 7), second.Order());
        Assert.NotEqual(first, second);
        Assert.Equal(first[3], new SampleOrder(7, 3).At(3));
        Assert.Equal([.. first[4..], second[0]], order.Batch(update: 1, size: 4));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void Touch(params string[] names)
    {
        foreach (string name in names)
        {
            string path = Path.Combine(_folder, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, "");
        }
    }
}
