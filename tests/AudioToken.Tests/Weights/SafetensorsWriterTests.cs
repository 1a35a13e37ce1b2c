using System.Buffers.Binary;
using System.Text;
using AudioToken.Tensors;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Tests.Weights;

public sealed class SafetensorsWriterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void SameTensors_InAnyOrder_GiveTheSameBytes()
    {
        byte[] Bytes(bool backwards)
        {
            SafetensorsWriter writer = new();
            Action[] steps =
            [
                () => writer.Add("b", [2], [1f, 2f]),
                () => writer.Add("a", [1], [3f]),
                () => writer.Add("half", [3], [1f, 2f, 3f], DType.F16),
                () => writer.Add("ids", [1], [7L]),
                () => writer.Add("bytes", "abc"u8),
                () => writer.SetMetadata("z", "1"),
                () => writer.SetMetadata("k", "<é\">"),
            ];
            foreach (Action step in backwards ? steps.Reverse() : steps)
                step();
            string path = _folder.PathOf("out.safetensors");
            writer.Save(path);
            return File.ReadAllBytes(path);
        }

        byte[] file = Bytes(false);
        Assert.Equal(file, Bytes(true));
        long headerLength = BinaryPrimitives.ReadInt64LittleEndian(file);
        Assert.Equal(0, (8 + headerLength) % 8);
        Assert.Equal(
            """{"__metadata__":{"k":"<é\">","z":"1"},"ids":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"b":{"dtype":"F32","shape":[2],"data_offsets":[12,20]},"half":{"dtype":"F16","shape":[3],"data_offsets":[20,26]},"bytes":{"dtype":"U8","shape":[3],"data_offsets":[26,29]}}""",
            Encoding.UTF8.GetString(file, 8, (int)headerLength).TrimEnd(' '));
    }

    [Fact]
    public void Halves_AreRoundedToNearestEven()
    {
        // 1 + 2^-11 lies midway between two F16 values, 1 + 2^-8 midway between two BF16 values; 3 of either midway above an odd one.
        float[] values = [1 + 1f / 2048, 1 + 3f / 2048, 1 + 1f / 256, 1 + 3f / 256, -0f, 1e-8f, float.NaN, float.PositiveInfinity, 65519.996f];
        SafetensorsWriter writer = new();
        writer.Add("f16", [9], values, DType.F16);
        writer.Add("bf16", [9], values, DType.BF16);
        using SafetensorsFile file = Saved(writer);
        Assert.Equal([1f, 1 + 2f / 1024, 1 + 1f / 256, 1 + 3f / 256, -0f, 0f, float.NaN, float.PositiveInfinity, 65504f], file.Find("f16")!.ReadAll());
        Assert.Equal([1f, 1f, 1f, 1 + 2f / 128, -0f, 1.0011718e-8f, float.NaN, float.PositiveInfinity, 65536f], file.Find("bf16")!.ReadAll());
    }

    [Fact]
    public void BFloat16_OfVectorsAndOfTails_IsRoundedAlike()
    {
        // Odd length: the last elements go through the scalar loop. The reference is decimal-free: add half, carry by hand in 64 bits.
        float[] values = [.. Enumerable.Range(0, 4099).Select(i => BitConverter.UInt32BitsToSingle((uint)i * 2654435761u & 0x7F7FFFFF))];
        values = [.. values.Where(value => value < 3e38f)];
        SafetensorsWriter writer = new();
        writer.Add("w", [values.Length], values, DType.BF16);
        using SafetensorsFile file = Saved(writer);
        float[] found = file.Find("w")!.ReadAll();
        for (int i = 0; i < values.Length; i++)
        {
            ulong bits = BitConverter.SingleToUInt32Bits(values[i]), low = bits & 0xFFFF, kept = bits >> 16;
            ulong rounded = low > 0x8000 || (low == 0x8000 && (kept & 1) == 1) ? kept + 1 : kept;
            Assert.Equal((uint)(rounded << 16), BitConverter.SingleToUInt32Bits(found[i]));
        }
    }

    [Theory]
    [InlineData(DType.F16, 65520f, "the value 65520 at index 70001 is too large for F16.")]
    [InlineData(DType.BF16, -3.4e38f, "the value -3.4E+38 at index 70001 is too large for BF16.")]
    public void Value_ThatTheTypeCannotHold_IsRefused(DType dtype, float value, string expected)
    {
        float[] values = new float[70_002];
        values[70_001] = value;
        SafetensorsWriter writer = new();
        writer.Add("w", [70_002], values, dtype);
        string path = _folder.PathOf("out.safetensors");
        WeightFileException exception = Assert.Throws<WeightFileException>(() => writer.Save(path));
        Assert.Contains(expected, exception.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Empty(_folder.Files);
    }

    [Fact]
    public void Copy_KeepsEveryBit_OfEveryType()
    {
        SafetensorsWriter writer = new();
        writer.Add("nan", [2], DType.F32, [1, 2, 0x81, 0x7F, 3, 4, 5, 6]); // a signalling NaN with a payload
        writer.Add("bool", [2], DType.Bool, [0, 1]);
        writer.Add("u64", [1], DType.U64, [1, 2, 3, 4, 5, 6, 7, 8]);
        writer.Add("f64", [1], DType.F64, [1, 2, 3, 4, 5, 6, 7, 8]);
        writer.Add("bf16", [1], DType.BF16, [0x81, 0x7F]);
        string first = _folder.PathOf("first.safetensors"), second = _folder.PathOf("second.safetensors");
        writer.Save(first);
        using SafetensorsFile file = SafetensorsFile.Open(first);
        SafetensorsWriter copy = new();
        foreach (string name in file.Names)
            copy.Add(file.Find(name)!);
        copy.Save(second);
        Assert.Equal(File.ReadAllBytes(first), File.ReadAllBytes(second));
    }

    [Fact]
    public void WrongUse_IsRefusedAtOnce()
    {
        SafetensorsWriter writer = new();
        writer.Add("a", [1], [1f]);
        Assert.Contains("There is a tensor 'a' already.", Assert.Throws<ArgumentException>(() => writer.Add("a", [1], [1f])).Message, StringComparison.Ordinal);
        Assert.Contains("2 values for shape [3]", Assert.Throws<ArgumentException>(() => writer.Add("b", [3], [1f, 2f])).Message, StringComparison.Ordinal);
        Assert.Contains("3 bytes for F16 [2]", Assert.Throws<ArgumentException>(() => writer.Add("b", [2], DType.F16, "abc"u8)).Message, StringComparison.Ordinal);
        Assert.Contains("No tensor can be called '__metadata__'", Assert.Throws<ArgumentException>(() => writer.Add("__metadata__", [1], [1f])).Message, StringComparison.Ordinal);
        Assert.Contains("is not valid Unicode", Assert.Throws<ArgumentException>(() => writer.Add("\uD800", [1], [1f])).Message, StringComparison.Ordinal);
        Assert.Contains("cannot be written as I32", Assert.Throws<ArgumentException>(() => writer.Add(new ArrayWeightSource("b", [1], [1f]), DType.I32)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FailureInTheMiddle_LeavesTheOldFileAndNothingElse()
    {
        string path = _folder.Write("out.safetensors", "old"u8);
        SafetensorsWriter writer = new();
        writer.Add("a", [1 << 20], new float[1 << 20]);
        writer.Add(new FailingSource(new NumericFaultException("b", "no")));
        Assert.Throws<NumericFaultException>(() => writer.Save(path));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal(["out.safetensors"], _folder.Files);
    }

    [Fact]
    public void FailureOfTheSystem_NamesPathAndReason()
    {
        string path = _folder.Write("out.safetensors", "old"u8);
        SafetensorsWriter writer = new();
        writer.Add(new FailingSource(new IOException("No space left on device", 28)));
        AudioTokenException exception = Assert.Throws<AudioTokenException>(() => writer.Save(path));
        Assert.Equal((8102, $"Cannot write '{path}': the disk is full."), (exception.Code, exception.Message));
        Assert.Equal("What was there before is untouched.", exception.Hint);
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal(["out.safetensors"], _folder.Files);
    }

    [Fact]
    public void FileLargerThanTheDisk_IsRefusedBeforeAnythingIsWritten()
    {
        // 2^31 - 1 rows of 2^20 floats: 9 petabytes.
        string path = _folder.Write("out.safetensors", "old"u8);
        SafetensorsWriter writer = new();
        writer.Add(WeightFormula.Source("", "w", [int.MaxValue, 1 << 20]));
        AudioTokenException exception = Assert.Throws<AudioTokenException>(() => writer.Save(path));
        Assert.Equal(8102, exception.Code);
        Assert.Matches($"^Cannot write '{path}': the disk is full: 9,007,199,250,546,\\d{{3}} bytes are needed, [0-9,]+ are free\\.$", exception.Message);
        Assert.Equal(["out.safetensors"], _folder.Files);
    }

    [Fact]
    public void TargetsThatCannotBe_AreNamedWithTheReason()
    {
        SafetensorsWriter writer = new();
        AudioTokenException exception = Assert.Throws<AudioTokenException>(() => writer.Save(_folder.Path));
        Assert.Equal((8102, $"Cannot write '{_folder.Path}': it is a folder."), (exception.Code, exception.Message));
        string nowhere = Path.Combine(_folder.Path, "absent", "out.safetensors");
        exception = Assert.Throws<AudioTokenException>(() => writer.Save(nowhere));
        Assert.Equal($"Cannot write '{nowhere}': the folder '{Path.Combine(_folder.Path, "absent")}' does not exist.", exception.Message);
    }

    [Fact]
    public void AbandonedTemporaryFile_IsRemovedByTheNextWrite_AndOneInUseIsNot()
    {
        // The names are those of temporary files: a dot, the target, twelve characters, .tmp.
        _folder.Write(".out.safetensors.abandon1.abc.tmp", "half"u8);
        string[] others = [".out.safetensors.notes.tmp", ".other.safetensors.abandon1.abc.tmp", ".*.abandon1.abc.tmp"];
        foreach (string other in others)
            _folder.Write(other, "half"u8);
        string used = _folder.PathOf(".out.safetensors.writing1.abc.tmp");
        using (FileStream writing = new(used, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            new SafetensorsWriter().Save(_folder.PathOf("out.safetensors"));
        Assert.Equal([.. others.Append(".out.safetensors.writing1.abc.tmp").Append("out.safetensors").Order(StringComparer.Ordinal)], _folder.Files);
    }

    [Fact]
    public void TwoWritersAtOnce_LeaveAWholeFile()
    {
        string path = _folder.PathOf("out.safetensors");
        Parallel.For(0, 16, i =>
        {
            SafetensorsWriter writer = new();
            writer.Add("w", [100_000], Enumerable.Repeat((float)i, 100_000).ToArray());
            try
            {
                writer.Save(path);
            }
            catch (AudioTokenException exception) when (exception.Code == 8102)
            {
                // The other took this one's temporary file for abandoned in the moment before it was locked: said, and nothing lost.
            }
        });
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.Single(file.Find("w")!.ReadAll().Distinct());
        Assert.Equal(["out.safetensors"], _folder.Files);
    }

    private SafetensorsFile Saved(SafetensorsWriter writer)
    {
        string path = _folder.PathOf("saved.safetensors");
        writer.Save(path);
        return SafetensorsFile.Open(path);
    }

    private sealed class FailingSource(Exception exception) : WeightSource("failing", [4], DType.F32)
    {
        public override void Read(long start, Span<float> destination) => throw exception;
    }
}
