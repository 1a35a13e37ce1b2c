using System.Buffers.Binary;
using System.Text;
using AudioToken.Tensors;
using AudioToken.Weights;
using Xunit;
using static AudioToken.Tests.Weights.SafetensorsBytes;

namespace AudioToken.Tests.Weights;

/// <summary>Each way in which a file can lie, and the words in which it is refused.</summary>
public sealed class SafetensorsRulesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void File_ShorterThanItsLengthField_IsRefused(int length)
    {
        Refused(4101, $"model.safetensors: the file is {length} bytes, a safetensors file has at least 8.", new byte[length]);
    }

    [Fact]
    public void Header_LongerThanTheFormatAllows_IsRefused()
    {
        byte[] file = new byte[64];
        BinaryPrimitives.WriteInt64LittleEndian(file, 100_000_001);
        file[8] = (byte)'{';
        Refused(4101, "model.safetensors: the header would be 100,000,001 bytes long, at most 100,000,000 are allowed.", file);
        file.AsSpan(0, 8).Fill(0xFF);
        Refused(4101, "the header would be 18,446,744,073,709,551,615 bytes long", file);
    }

    [Fact]
    public void Header_LongerThanTheFile_AsksForANewDownload()
    {
        byte[] file = new byte[100];
        BinaryPrimitives.WriteInt64LittleEndian(file, 99_000_000);
        file[8] = (byte)'{';
        Refused(4105, "model.safetensors: needs 99,000,008 bytes for the header alone, has 100: download again.", file);
    }

    [Theory]
    [InlineData(" {}", "at byte 8: the header must start with '{', found byte 0x20.")]
    [InlineData("[]", "at byte 8: the header must start with '{', found byte 0x5B.")]
    [InlineData("{", "at byte 8: the header is 1 bytes long; the shortest is '{}'")]
    [InlineData("{]", "at byte 9: the header is not valid JSON (")]
    [InlineData("{\"a\"", "at byte 12: the header is not valid JSON (")]
    [InlineData("{}\n", "at byte 10: after the header's JSON only spaces may follow, found byte 0x0A.")]
    [InlineData("{} x", "at byte 11: after the header's JSON only spaces may follow, found byte 0x78.")]
    [InlineData("{\"a\":1}", "at byte 13: 'a' is a number, wanted an object.")]
    [InlineData("{\"a\":[[[[]]]]}", "at byte 13: 'a' is an array, wanted an object.")]
    [InlineData("{\"__metadata__\":{\"a\":1}}", "at byte 29: metadata 'a' is a number, wanted a string.")]
    [InlineData("{\"__metadata__\":{\"a\":{\"b\":{\"c\":{}}}}}", "metadata 'a' is an object, wanted a string.")]
    [InlineData("{\"__metadata__\":{\"a\":\"x\",\"a\":\"x\"}}", "the metadata has the key 'a' twice.")]
    [InlineData("{\"__metadata__\":{},\"__metadata__\":{}}", "the key '__metadata__' stands twice.")]
    [InlineData("{\"a\":{\"dtype\":1}}", "the dtype of 'a' is a number, wanted a string.")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", "'a' has its dtype twice.")]
    [InlineData("{\"a\":{\"shape\":3}}", "the shape of 'a' is a number, wanted an array.")]
    [InlineData("{\"a\":{\"shape\":[1.5]}}", "the shape of 'a' holds a number that is not whole, negative or beyond 2^63.")]
    [InlineData("{\"a\":{\"shape\":[-1]}}", "the shape of 'a' holds a number that is not whole, negative or beyond 2^63.")]
    [InlineData("{\"a\":{\"shape\":[9223372036854775808]}}", "the shape of 'a' holds a number that is not whole, negative or beyond 2^63.")]
    [InlineData("{\"a\":{\"shape\":[[1]]}}", "the shape of 'a' holds an array, wanted whole numbers.")]
    [InlineData("{\"a\":{\"shape\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}}", "the shape of 'a' has more than 16 numbers.")]
    [InlineData("{\"a\":{\"data_offsets\":[0]}}", "the data_offsets of 'a' are 1 numbers, wanted begin and end.")]
    [InlineData("{\"a\":{\"data_offsets\":[8,4]}}", "'a' ends at byte 4, before it begins at 8.")]
    [InlineData("{\"a\":{\"data_offsets\":[0,18446744073709551615]}}", "the data_offsets of 'a' holds a number that is not whole, negative or beyond 2^63.")]
    [InlineData("{\"a\":{\"shape\":[],\"data_offsets\":[0,4]}}", "'a' has no dtype.")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", "'a' has no shape.")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", "'a' has no data_offsets.")]
    [InlineData("{\"a\":{\"strides\":[]}}", "'a' has a field 'strides'; dtype, shape and data_offsets are all there can be.")]
    public void Header_ThatBreaksARule_IsRefusedWithItsPlace(string header, string expected)
    {
        Refused(4102, expected, Of(header));
    }

    [Fact]
    public void Name_StandingTwice_IsRefusedInAnySpelling()
    {
        string first = Entry("ab", "U8", "1", "0", "1");
        Refused(4102, "the tensor 'ab' stands twice.", Of($"{{{first},{Entry("ab", "U8", "1", "1", "2")}}}", 2));
        Refused(4102, "the tensor 'ab' stands twice.", Of($"{{{first},{Entry("\\u0061b", "U8", "1", "1", "2")}}}", 2));
    }

    [Theory]
    [InlineData(0xFF)] // never in UTF-8
    [InlineData(0xC3)] // a lead byte whose continuation is missing
    public void Header_NotUtf8_IsRefusedWithItsPlace(byte odd)
    {
        byte[] header = [.. "{\"a"u8, odd, .. "\":{}}"u8];
        Refused(4102, "at byte 9: the header is not valid UTF-8.", Of(header, []));
    }

    [Fact]
    public void Name_FullOfControlCharacters_IsPrintedWithoutThem()
    {
        Refused(4102, "'\uFFFD[31mred' is a number", Of("{\"\\u001b[31mred\":1}"));
    }

    [Fact]
    public void Header_OfDeepNesting_IsRefused()
    {
        string deep = $"{{\"a\":{{\"dtype\":{new string('[', 1_000_000)}";
        Refused(4102, "the dtype of 'a' is an array, wanted a string.", Of(deep));
    }

    [Fact]
    public void Header_OfTooManyTensors_IsRefused()
    {
        StringBuilder header = new("{");
        for (int i = 0; i <= 65_536; i++)
            header.Append(i == 0 ? "" : ",").Append(Entry($"t{i}", "U8", "0", "0", "0"));
        Refused(4102, "more than 65,536 tensors.", Of(header.Append('}').ToString()));
    }

    [Theory]
    [InlineData("{\"", 'x', "a single name or value is longer than 8,388,608 bytes")]
    [InlineData("{\"a\":{\"shape\":[", '1', "a single name or value is longer than 8,388,608 bytes")]
    [InlineData("{", ' ', "at byte 90000008: the header is not valid JSON (Expected depth to be zero")] // nothing but space to the end
    [InlineData("{} ", ' ', "at byte 90000007: after the header's JSON only spaces may follow, found byte 0x7D.")] // and a brace as its last byte
    public void Header_OfGreatLength_IsRefusedInLittleMemory(string start, char filling, string expected)
    {
        // Read whole it would take 90 MB, and twice that again as characters.
        string path = _folder.PathOf("model.safetensors");
        const long length = 90_000_000;
        using (FileStream file = File.Create(path))
        {
            byte[] prefix = new byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(prefix, length);
            file.Write(prefix);
            file.Write(Encoding.UTF8.GetBytes(start));
            byte[] block = new byte[1 << 20];
            block.AsSpan().Fill((byte)filling);
            while (file.Length < length + 8 - block.Length)
                file.Write(block);
            file.Write(block.AsSpan(0, (int)(length + 8 - file.Length)));
            file.Position--;
            file.WriteByte((byte)(start == "{} " ? '}' : filling));
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        WeightFileException exception = Assert.Throws<WeightFileException>(() => SafetensorsFile.Open(path));
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
        // Buffers of 64 KiB, 256 KiB, 1, 4 and 8 MiB: all of them together are below 16 MiB.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16 << 20);
    }

    [Fact]
    public void NamesAndMetadata_TooLongTogether_AreRefused()
    {
        string value = new('v', 1 << 20);
        string header = $"{{\"__metadata__\":{{{string.Join(",", Enumerable.Range(0, 9).Select(i => $"\"{i}\":\"{value}\""))}}}}}";
        Refused(4102, "names and metadata are longer than 8,388,608 bytes together.", Of(header));
    }

    [Fact]
    public void Offsets_WithAHole_NameBothTensors()
    {
        string header = $"{{{Entry("a", "U8", "4", "0", "4")},{Entry("b", "U8", "4", "8", "12")}}}";
        Refused(4104, "tensor 'b' begins at byte 8 and leaves a hole after 'a', which ends at byte 4.", Of(header, 12));
        Refused(4104, "tensor 'a' begins at byte 1 and leaves a hole after the data, which begins at byte 0.", Of($"{{{Entry("a", "U8", "4", "1", "5")}}}", 5));
    }

    [Fact]
    public void Offsets_Overlapping_NameBothTensors()
    {
        string header = $"{{{Entry("b", "U8", "4", "2", "6")},{Entry("a", "U8", "4", "0", "4")}}}";
        Refused(4104, "tensor 'b' begins at byte 2 and overlaps 'a', which ends at byte 4.", Of(header, 6));
    }

    [Fact]
    public void Data_CutShort_SaysHowMuchIsMissing()
    {
        string header = $"{{{Entry("a", "F32", "1000", "0", "4000")}}}";
        Refused(4105, $"model.safetensors: needs {4008 + header.Length:N0} bytes to hold 'a', its last tensor, has {108 + header.Length}: download again.", Of(header, 100));
    }

    [Fact]
    public void Offsets_UpTo2To63_OverflowNothing()
    {
        string most = "9223372036854775807";
        Refused(4105, "needs 9,223,372,036,854,775,", Of($"{{{Entry("a", "U8", most, "0", most)}}}", 4));
    }

    [Fact]
    public void Data_LongerThanItsTensors_IsRefused()
    {
        string header = $"{{{Entry("a", "U8", "4", "0", "4")}}}";
        Refused(4104, $"3 bytes follow the last tensor; the file should end at byte {12 + header.Length} and has {15 + header.Length}.", Of(header, 7));
    }

    [Fact]
    public void Shape_ThatContradictsItsBytes_ShowsTheArithmetic()
    {
        Refused(4104, "tensor 'a' is F32 [2, 3]: 6 elements of 32 bits are 24 bytes, its offsets span 20.", Of($"{{{Entry("a", "F32", "2,3", "0", "20")}}}", 20));
        Refused(4104, "tensor 'a' is F8_E4M3 [6]: 6 elements of 8 bits are 6 bytes, its offsets span 20.", Of($"{{{Entry("a", "F8_E4M3", "6", "0", "20")}}}", 20));
    }

    [Theory]
    [InlineData("4294967296,4294967296")]
    [InlineData("9223372036854775807,2,0")] // zero in the end, but nobody can count to there
    public void Shape_WhoseCountOverflows_IsRefused(string shape)
    {
        Refused(4104, "whose element count overflows 64 bits.", Of($"{{{Entry("a", "F32", shape, "0", "0")}}}"));
    }

    [Fact]
    public void Shape_WhoseBytesOverflow_IsRefused()
    {
        Refused(4104, "4611686018427387904 elements of 32 bits are 18446744073709551616 bytes, its offsets span 0.", Of($"{{{Entry("a", "F32", "4611686018427387904", "0", "0")}}}"));
    }

    [Fact]
    public void UnknownType_IsListed_AndRefusedWhenAskedFor()
    {
        string header = $"{{{Entry("a", "F8_E4M3", "4", "0", "4")},{Entry("b", "X7", "3", "4", "9")},{Entry("c", "U8", "1", "9", "10")},{Entry("d", "F4", "3,2", "10", "13")}}}";
        using SafetensorsFile file = SafetensorsFile.Open(_folder.Write("model.safetensors", Of(header, 13)));
        Assert.Equal(["a", "b", "c", "d"], file.Names);
        Assert.Equal(["F8_E4M3 [4]", "X7 [3]", "U8 [1]", "F4 [3, 2]"], file.Tensors.Select(tensor => tensor.ToString()));
        Assert.NotNull(file.Find("c"));
        WeightFileException exception = Assert.Throws<WeightFileException>(() => file.Find("a"));
        Assert.Equal(4107, exception.Code);
        Assert.Equal("model.safetensors: tensor 'a' is F8_E4M3 [4]: elements of this type are not read here.", exception.Message);
        Assert.Throws<WeightFileException>(() => file.Find("b"));
        Assert.Equal(4, file.ReadBytes("a").Length); // bytes need no type
    }

    [Fact]
    public void LargeRank_IsListed_AndRefusedWhenAskedFor()
    {
        using SafetensorsFile file = SafetensorsFile.Open(_folder.Write("model.safetensors", Of($"{{{Entry("a", "U8", "1,1,1,1,1,1", "0", "1")}}}", 1)));
        Assert.Equal(["a"], file.Names);
        WeightFileException exception = Assert.Throws<WeightFileException>(() => file.Find("a"));
        Assert.Equal("model.safetensors: tensor 'a' is U8 [1, 1, 1, 1, 1, 1]: at most 5 extents of 2^31 - 1 are read here.", exception.Message);
    }

    [Fact]
    public void LegalOddities_AreRead()
    {
        string header = $"{{{Entry("scalar", "F32", "", "0", "4")},\"__metadata__\":{{\"k\":\"\\u00e9\"}},{Entry("empty", "F32", "0,5", "4", "4")},{Entry("", "U8", "1", "4", "5")}}}    ";
        using SafetensorsFile file = SafetensorsFile.Open(_folder.Write("model.safetensors", Of(header, 5)));
        Assert.Equal("é", file.Metadata["k"]);
        Assert.Equal(new Shape(), file.Find("scalar")!.Shape);
        Assert.Equal(0f, Assert.Single(file.Find("scalar")!.ReadAll()));
        Assert.Empty(file.Find("empty")!.ReadAll());
        Assert.Equal(1, file.Find("")!.Shape.Count);
        Assert.Null(file.Find("absent"));
        using SafetensorsFile none = SafetensorsFile.Open(_folder.Write("none.safetensors", Of("{}")));
        Assert.Empty(none.Names);
    }

    [Theory]
    [InlineData("<!DOCTYPE html><html><body>Sign in</body></html>", "this is an HTML page, not a model.")]
    [InlineData("\n <html lang=en>", "this is an HTML page, not a model.")]
    [InlineData("\uFEFF<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code></Error>", "this is an XML error page ('AuthenticationFailed'), not a model.")]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9\n", "this is a git-LFS pointer, not the model itself.")]
    [InlineData("{\"_class_name\": \"UNet2DConditionModel\"}", "this is a JSON file, not a model.")]
    [InlineData("GGUF\u0003\0\0\0\0\0\0\0", "this is a GGUF file.")]
    [InlineData("{\"error\":\"Access to model x is restricted\"}\n", "this is a server's error message ('{\"error\":\"Access to model x is restricted\"}'), not a model.")]
    [InlineData("Entry not found\n", "this is a text file ('Entry not found'), not a model.")]
    [InlineData("PK\u0003\u0004\0\0\b\b\0\0\0\0", "this is a ZIP archive, most likely a PyTorch checkpoint.")]
    public void FileThatIsNoModel_IsCalledByItsName(string content, string expected)
    {
        Refused(4101, $"model.safetensors: {expected}", Encoding.UTF8.GetBytes(content));
    }

    [Theory]
    [InlineData("1F8B0800000000000003", "this is a gzip archive.")]
    [InlineData("425A6839314159265359", "this is a bzip2 archive.")]
    [InlineData("FD377A585A0000046962", "this is an xz archive.")]
    [InlineData("28B52FFD2058010000AA", "this is a Zstandard archive.")]
    [InlineData("377ABCAF271C00044A5B", "this is a 7-Zip archive.")]
    [InlineData("526172211A0700CF9073", "this is a RAR archive.")]
    [InlineData("894844460D0A1A0A0000", "this is an HDF5 file, as Keras writes its .h5.")]
    [InlineData("934E554D505901007600", "this is a NumPy array (.npy).")]
    [InlineData("08081207707974" + "6F726368", "this is an ONNX model.")]
    [InlineData("80045D942E000000000000", "this is a Python pickle, but not one of torch.save.")]
    [InlineData("6C6D676700000000000000", "this is a GGML file.")]
    [InlineData("89504E470D0A1A0A0000", "this is a PNG picture, not a model.")]
    [InlineData("FFD8FFE000104A464946", "this is a JPEG picture, not a model.")]
    [InlineData("5249464600000000574156", "this is a sound or video (RIFF), not a model.")]
    public void FileOfAnotherFormat_IsCalledByItsName(string hex, string expected) => Refused(4101, $"model.safetensors: {expected}", Convert.FromHexString(hex));

    [Fact]
    public void TarArchive_IsCalledThat()
    {
        byte[] tar = new byte[1024];
        "sys_info"u8.CopyTo(tar);
        "ustar"u8.CopyTo(tar.AsSpan(257));
        Refused(4101, "this is a tar archive.", tar);
    }

    [Fact]
    public void FileOfZeros_IsADownloadThatNeverCame() => Refused(4101, "this is a file that begins with zeros only.", new byte[100]);

    [Fact]
    public void Pickle_IsToBeConvertedFirst()
    {
        byte[] legacy = [0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19];
        Assert.Equal("'audiotoken convert' makes a bundle of it.", Refused(4101, "this is a PyTorch checkpoint of the form before torch 1.6.", legacy).Hint);
    }

    [Fact]
    public void UnfinishedDownload_IsCalledThat()
    {
        string path = _folder.Write("unet.safetensors.crdownload", new byte[100]);
        WeightFileException exception = Assert.Throws<WeightFileException>(() => SafetensorsFile.Open(path));
        Assert.Equal("unet.safetensors.crdownload: this is an unfinished download (.crdownload), not a model.", exception.Message);
    }

    [Fact]
    public void PathThatCannotBeRead_SaysWhy()
    {
        string absent = _folder.PathOf("absent.safetensors");
        AudioTokenException exception = Assert.Throws<AudioTokenException>(() => SafetensorsFile.Open(absent));
        Assert.Equal((8101, $"Cannot read '{absent}': it does not exist."), (exception.Code, exception.Message));
        exception = Assert.Throws<AudioTokenException>(() => SafetensorsFile.Open(_folder.Path));
        Assert.Equal($"Cannot read '{_folder.Path}': it is a folder.", exception.Message);
    }

    [Fact]
    public void DanglingLink_NamesItsTarget()
    {
        string link = _folder.PathOf("model.safetensors");
        File.CreateSymbolicLink(link, "../../blobs/4d7a");
        AudioTokenException exception = Assert.Throws<AudioTokenException>(() => SafetensorsFile.Open(link));
        Assert.Equal($"Cannot read '{link}': it is a link to '../../blobs/4d7a', which does not exist.", exception.Message);
        Assert.Equal("A cache entry whose download was removed or never finished: download it again.", exception.Hint);
    }

    private WeightFileException Refused(int code, string expected, byte[] content)
    {
        string path = _folder.Write("model.safetensors", content);
        WeightFileException exception = Assert.Throws<WeightFileException>(() => SafetensorsFile.Open(path));
        Assert.StartsWith("model.safetensors: ", exception.Message, StringComparison.Ordinal);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
        Assert.Equal(code, exception.Code);
        return exception;
    }
}
