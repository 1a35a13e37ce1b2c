using System.Runtime.InteropServices;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Tests.Weights;

public sealed class SafetensorsReadTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void EveryHalf_IsWidenedExactly()
    {
        ushort[] all = [.. Enumerable.Range(0, 65536).Select(bits => (ushort)bits)];
        SafetensorsWriter writer = new();
        writer.Add("f16", [65536], DType.F16, MemoryMarshal.AsBytes<ushort>(all));
        writer.Add("bf16", [65536], DType.BF16, MemoryMarshal.AsBytes<ushort>(all));
        using SafetensorsFile file = Saved(writer);
        float[] f16 = file.Find("f16")!.ReadAll(), bf16 = file.Find("bf16")!.ReadAll();
        for (int i = 0; i < all.Length; i++)
        {
            Half half = BitConverter.UInt16BitsToHalf(all[i]);
            Assert.True(Half.IsNaN(half) ? float.IsNaN(f16[i]) : f16[i] == (float)half, $"F16 {i:x4}: {f16[i]}");
            Assert.Equal((uint)i << 16, BitConverter.SingleToUInt32Bits(bf16[i]));
        }
    }

    [Fact]
    public void OtherTypes_AreConvertedToFloat()
    {
        SafetensorsWriter writer = new();
        writer.Add("f64", [3], DType.F64, MemoryMarshal.AsBytes<double>([0.1, -1e300, 7]));
        writer.Add("i64", [2], [49408L, -(1L << 40)]);
        writer.Add("i32", [2], [5, int.MinValue]);
        writer.Add("i16", [2], DType.I16, MemoryMarshal.AsBytes<short>([-3, 300]));
        writer.Add("u8", [0, 200, 255]);
        using SafetensorsFile file = Saved(writer);
        Assert.Equal([0.1f, float.NegativeInfinity, 7f], file.Find("f64")!.ReadAll());
        Assert.Equal([49408f, -1099511627776f], file.Find("i64")!.ReadAll());
        Assert.Equal([5f, -2147483648f], file.Find("i32")!.ReadAll());
        Assert.Equal([-3f, 300f], file.Find("i16")!.ReadAll());
        Assert.Equal([0f, 200f, 255f], file.Find("u8")!.ReadAll());
        Assert.Equal(new byte[] { 0, 200, 255 }, file.ReadBytes("u8"));
    }

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void Parts_ReadFromManyThreads_AreThoseOfTheWhole(DType dtype)
    {
        // More elements than one staging buffer holds.
        const int count = 300_007;
        float[] values = WeightFormula.Uniform("parts", [count]);
        SafetensorsWriter writer = new();
        writer.Add("w", [count], values, dtype);
        using SafetensorsFile file = Saved(writer);
        WeightSource source = file.Find("w")!;
        float[] whole = source.ReadAll();
        // Rounding to p bits of precision errs by at most 2^-p of the magnitude: 11 bits for F16, 8 for BF16.
        TensorAssert.MaxAbs(values, whole, dtype switch { DType.F32 => 0, DType.F16 => 1 / 2048.0, _ => 1 / 256.0 });
        Parallel.For(0, 64, i =>
        {
            int start = i * 4000 + i, length = 1 + i * 700;
            float[] part = new float[length];
            source.Read(start, part);
            Assert.True(part.AsSpan().SequenceEqual(whole.AsSpan(start, length)), $"part {i}");
        });
        Assert.Throws<ArgumentOutOfRangeException>(() => source.Read(count - 1, new float[2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => source.Read(-1, new float[2]));
    }

    [Fact]
    public void File_TruncatedAfterOpening_IsANamedErrorOnEveryWay()
    {
        SafetensorsWriter writer = new();
        writer.Add("first", [1000], new float[1000]);
        writer.Add("second", [1000], new float[1000]);
        string path = _folder.PathOf("model.safetensors");
        writer.Save(path);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        using MappedTensor map = file.Map("second");
        Assert.Equal(4000, map.Bytes.Length);
        long end = file.Length;
        using (FileStream other = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            other.SetLength(end - 1000);

        Assert.Equal(1000, file.Find("first")!.ReadAll().Length);
        string expected = $"model.safetensors: the file shrank while being read: 'second' reaches to byte {end:N0}, the file now ends at {end - 1000:N0}.";
        foreach (Action read in (Action[])[() => file.Find("second")!.ReadAll(), () => file.ReadBytes("second"), () => _ = map.Bytes, () => file.Map("second").Dispose()])
        {
            WeightFileException exception = Assert.Throws<WeightFileException>(read);
            Assert.Equal((4106, expected), (exception.Code, exception.Message));
        }
    }

    [Fact]
    public void Map_ShowsTheBytesOfTheFile()
    {
        SafetensorsWriter writer = new();
        writer.Add("big", [70_000], WeightFormula.Uniform("big", [70_000]));
        writer.Add("small", [1, 2, 3]);
        writer.Add("empty", [0], ReadOnlySpan<float>.Empty);
        using SafetensorsFile file = Saved(writer);
        foreach (string name in file.Names)
        {
            using MappedTensor map = file.Map(name);
            Assert.True(map.Bytes.SequenceEqual(file.ReadBytes(name)), name);
        }

        MappedTensor closed = file.Map("small");
        Assert.Equal(new byte[] { 2, 3 }, closed.Slice(1, 2).ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => closed.Slice(2, 2).Length);
        closed.Dispose();
        closed.Dispose();
        Assert.Throws<ObjectDisposedException>(() => closed.Bytes.Length);
    }

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void Statistics_CountWhatIsNotFinite(DType dtype)
    {
        float[] values = new float[200_000];
        values[3] = -2.5f;
        values[150_000] = float.NaN;
        values[150_001] = float.NegativeInfinity;
        values[199_999] = 4;
        SafetensorsWriter writer = new();
        writer.Add("w", [200_000], values, dtype);
        writer.Add("fine", [2], [1f, 2f], dtype);
        writer.Add("none", [0], ReadOnlySpan<float>.Empty, dtype);
        using SafetensorsFile file = Saved(writer);
        Assert.Equal(new TensorStatistics(200_000, 2, 150_000, -2.5f, 4), TensorStatistics.Of(file, "w"));
        Assert.Equal(new TensorStatistics(2, 0, -1, 1, 2), TensorStatistics.Of(file, "fine"));
        Assert.Equal(new TensorStatistics(0, 0, -1, float.PositiveInfinity, float.NegativeInfinity), TensorStatistics.Of(file, "none"));
        Assert.Equal(TensorStatistics.Of(file, "w"), TensorStatistics.Of(file.Find("w")!));
    }

    [Fact]
    public void EveryGolden_IsValid_AndOfFiniteNumbers()
    {
        string[] paths = Directory.GetFiles(Goldens.Folder, "*.safetensors", SearchOption.AllDirectories);
        Assert.NotEmpty(paths);
        foreach (string path in paths)
        {
            using SafetensorsFile file = SafetensorsFile.Open(path);
            Assert.All(file.Names, name => Assert.Equal(0, TensorStatistics.Of(file, name).NonFinite));
        }
    }

    private SafetensorsFile Saved(SafetensorsWriter writer)
    {
        string path = _folder.PathOf("saved.safetensors");
        writer.Save(path);
        return SafetensorsFile.Open(path);
    }
}
