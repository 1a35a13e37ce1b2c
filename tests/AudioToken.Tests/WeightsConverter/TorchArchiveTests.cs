using System.Buffers.Binary;
using AudioToken.Tensors;
using AudioToken.Testing.Torch;
using AudioToken.Tests.Weights;
using AudioToken.Weights;
using AudioToken.WeightsConverter.PyTorch;
using Xunit;

namespace AudioToken.Tests.WeightsConverter;

/// <summary>Containers that lie, and tensors that do not lie in them (RELIABILITY cases 1, 4 to 8, 13 to 16).</summary>
public sealed class TorchArchiveTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void CompressedEntry_IsRefused() =>
        Refused(4701, Archive(method: 8), "entry 'archive/data/0' is compressed (method 8, 1 bytes for 1); torch stores its entries as they are, and nothing is unpacked here");

    [Fact]
    public void EntryThatSaysItIsLarger_IsRefused() => Refused(4701, Archive(claimed: 1 << 30), "entry 'archive/data/0' of 1,073,741,824 bytes would not lie in the file");

    [Fact]
    public void EntryThatReachesIntoTheNext_IsRefused() => Refused(4701, Archive(claimed: 60), "entry 'archive/data/0' of 60 bytes overlaps entry 'archive/version'");

    [Fact]
    public void EntryAtAnothersPlace_IsRefused() => Refused(4701, Archive(place: 0), "entry 'archive/data.pkl' of ", " bytes overlaps entry 'archive/data/0'");

    [Fact]
    public void EntryWithoutItsHeader_IsRefused()
    {
        byte[] archive = Archive();
        archive[archive.AsSpan().IndexOf("archive/data/0"u8)] ^= 1;
        Refused(4701, archive, "the header of entry 'archive/data/0' does not stand where the directory says");
    }

    [Fact]
    public void EntryCompressedAccordingToItsHeaderAlone_IsRefused()
    {
        byte[] archive = Archive();
        archive[archive.AsSpan().IndexOf("archive/data/0"u8) - 30 + 8] = 8;
        Refused(4701, archive, "entry 'archive/data/0' is stored according to the directory and compressed according to its header");
    }

    [Fact]
    public void EncryptedEntry_IsRefused() => Refused(4701, Archive(flags: 0x0809), "entry 'archive/data/0' is encrypted");

    [Theory]
    [InlineData("archive/../../etc/passwd")]
    [InlineData("/etc/passwd")]
    [InlineData("archive\\..\\x")]
    [InlineData("C:x")]
    [InlineData("..")]
    public void EntryNamedToBreakOut_IsRefused(string name) =>
        Refused(4701, TorchBytes.Archive(zip => zip.Add(name, [])), $"entry '{name}' is named so as to be written outside of a folder");

    [Fact]
    public void EntryThatStandsTwice_IsRefused() => Refused(4701, TorchBytes.Archive(zip =>
    {
        zip.Add("archive/data.pkl", TorchBytes.OneByte);
        zip.Add("archive/data/0", [1]);
        zip.Add("archive/data/0", [2]);
    }), "entry 'archive/data/0' stands twice in the archive's directory");

    [Fact]
    public void ArchiveOfManyEntries_IsRefused()
    {
        byte[] archive = TorchBytes.Archive(zip => zip.Add("archive/data.pkl", TorchBytes.OneByte), stream => new ZipBytes(stream) { Zip64 = true });
        BinaryPrimitives.WriteInt64LittleEndian(archive.AsSpan(archive.Length - 22 - 20 - 56 + 32), 1_000_000);
        Refused(4701, archive, "the archive has 1,000,000 entries, at most 65,536 are read");

        Refused(4701, TorchBytes.Archive(zip => zip.Add("archive/data.pkl", []), stream => new ZipBytes(stream) { ClaimedCount = 60_000 }), "the archive's directory would be", "for 60,000 entries");
    }

    [Theory]
    [InlineData(-20 - 22 + 8, long.MaxValue, "the ZIP64 end record would not lie in the file")]
    [InlineData(-20 - 22 + 8, 0, "there is no ZIP64 end record where one is announced")]
    [InlineData(-20 - 22 - 56 + 48, -1, "a 64-bit size is beyond 2^63")]
    [InlineData(-20 - 22 - 56 + 48, long.MaxValue, "the archive's directory would be")]
    [InlineData(-20 - 22 - 56 + 40, long.MaxValue, "the archive's directory would be 9,223,372,036,854,775,807 bytes")]
    public void Zip64RecordThatLies_IsRefused(int place, long value, string words)
    {
        byte[] archive = TorchBytes.Archive(zip => zip.Add("archive/data.pkl", TorchBytes.OneByte), stream => new ZipBytes(stream) { Zip64 = true });
        BinaryPrimitives.WriteInt64LittleEndian(archive.AsSpan(archive.Length + place), value);
        Refused(4701, archive, words);
    }

    [Fact]
    public void ArchiveWithoutAPickle_SaysWhatItHolds() => Refused(4101, TorchBytes.Archive(zip =>
    {
        zip.Add("word/document.xml", []);
        zip.Add("a/b/data.pkl", TorchBytes.OneByte); // not the folder's own
    }), "this is a ZIP archive, but not a PyTorch checkpoint: no entry is called '…/data.pkl'; it has 2 entries ('word/document.xml', 'a/b/data.pkl', …).");

    [Fact]
    public void ArchiveOfTwoPickles_IsRefused() => Refused(4701, TorchBytes.Archive(zip =>
    {
        zip.Add("a/data.pkl", TorchBytes.OneByte);
        zip.Add("b/data.pkl", TorchBytes.OneByte);
    }), "the archive has 2 pickles '…/data.pkl', a checkpoint has one");

    [Fact]
    public void NumpyArchive_IsCalledThat() => Refused(4101, TorchBytes.Archive(zip => zip.Add("arr_0.npy", [])), "this is a NumPy archive (.npz), not a PyTorch checkpoint");

    [Theory]
    [InlineData("archive/constants.pkl")]
    [InlineData("archive/code/__torch__.py")]
    public void TorchScriptArchive_IsRefusedWithTheLineThatSavesItsTensors(string entry)
    {
        WeightFileException exception = Refused(4706, TorchBytes.Archive(zip =>
        {
            zip.Add("archive/data.pkl", TorchBytes.OneByte);
            zip.Add(entry, [], method: 8); // torch compresses its code
        }), "this is a TorchScript archive: a program together with its tensors.");
        Assert.Equal("Save its tensors alone: python -c \"import torch; torch.save(torch.jit.load('model.pt', 'cpu').state_dict(), 'weights.pt')\"", exception.Hint);
    }

    [Fact]
    public void WholeModule_IsRefusedWithTheLineThatSavesItsWeights()
    {
        byte[] pickle = PickleBytes.Protocol().Global("torch.nn.modules.linear", "Linear").Op(')').Raw(0x81).Op('}').Op('b').Stop();

        WeightFileException exception = Refused(4706, TorchBytes.Zip(pickle), "the pickle holds the object 'torch.nn.modules.linear Linear': a whole module was saved, not its weights. Nothing of the file was run.");
        Assert.Contains("python -c \"import torch; torch.save(torch.load('model.pt', 'cpu').state_dict(), 'weights.pt')\"", exception.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public void SparseTensor_IsRefusedAsWhatItIs() => Refused(4107, TorchBytes.Zip(PickleBytes.Protocol().Global("torch._utils", "_rebuild_sparse_tensor").Stop()),
        "the pickle holds a tensor of a kind that is not read here ('torch._utils _rebuild_sparse_tensor').");

    [Fact]
    public void ModuleThatTorchItselfPickled_IsRefused()
    {
        WeightFileException exception = Assert.Throws<WeightFileException>(() => PyTorchFile.Open(AudioToken.Testing.Goldens.PathOf("torch/module.pt")));
        Assert.Contains("module.pt (module/data.pkl): at byte 66: the pickle holds the object 'torch.nn.modules.linear Linear': a whole module was saved", exception.Message, StringComparison.Ordinal);
        Assert.Equal(4706, exception.Code);
    }

    [Fact]
    public void SingleTensor_IsNoCheckpoint() =>
        Refused(4705, TorchBytes.Zip(PickleBytes.Protocol().Tensor("ByteStorage", "0", 1, 0, [1], [1]).Stop(), ("0", [1])), "its content is a single tensor, wanted a dictionary of tensors");

    [Fact]
    public void DictionaryWithoutTensors_IsNoCheckpoint() => Refused(4705, TorchBytes.Zip(PickleBytes.Protocol().Value(new Dictionary<string, object?> { ["a"] = 1 }).Stop()), "it holds no tensors under names");

    [Theory]
    [InlineData("big")]
    [InlineData("BIG-ENDIAN-OF-SORTS")]
    public void BigEndianFile_IsRefused(string order) => Refused(4706, TorchBytes.Archive(zip =>
    {
        zip.Add("archive/data.pkl", TorchBytes.OneByte);
        zip.Add("archive/byteorder", System.Text.Encoding.ASCII.GetBytes(order));
    }), $"its byte order is '{order[..Math.Min(16, order.Length)]}'; only little-endian files are read");

    [Fact]
    public void BigEndianLegacyFile_IsRefused()
    {
        using MemoryStream stream = new();
        TorchSave.WriteLegacyHead(stream, littleEndian: false);
        Refused(4706, stream.ToArray(), "it was written on a big-endian machine; only little-endian files are read");
    }

    [Theory]
    [InlineData(0, "[2]", "[1]", "reaches to element 1 of a storage that has 1 (shape [2], strides [1], offset 0)")]
    [InlineData(1, "[1]", "[1]", "reaches to element 1 of a storage that has 1 (shape [1], strides [1], offset 1)")]
    [InlineData(-1, "[1]", "[1]", "has a negative extent, stride or offset (shape [1], strides [1], offset -1)")]
    [InlineData(0, "[1]", "[-1]", "has a negative extent, stride or offset (shape [1], strides [-1], offset 0)")]
    [InlineData(0, "[-1]", "[1]", "has a negative extent, stride or offset (shape [-1], strides [1], offset 0)")]
    [InlineData(0, "[2,2]", "[1]", "has 2 extents and 1 strides")]
    [InlineData(0, "[4611686018427387904,4]", "[0,0]", "is too large to count (shape [4611686018427387904, 4], strides [0, 0], offset 0)")]
    [InlineData(0, "[1073741824,1073741824]", "[0,0]", "has 1,152,921,504,606,846,976 elements, its storage 1 (shape [1073741824, 1073741824], strides [0, 0], offset 0)")]
    [InlineData(0, "[3]", "[9223372036854775807]", "is too large to count (shape [3], strides [9223372036854775807], offset 0)")]
    public void TensorThatDoesNotLieInItsStorage_IsRefused(long offset, string extents, string strides, string words)
    {
        byte[] pickle = PickleBytes.Protocol().Op('}').Text("w").Tensor("FloatStorage", "0", 1, offset, Numbers(extents), Numbers(strides)).Op('s').Stop();
        Refused(4104, TorchBytes.Zip(pickle, ("0", new byte[4])), $"tensor 'w' {words}.");
    }

    [Fact]
    public void StorageOfAnotherSize_IsRefused()
    {
        byte[] pickle = PickleBytes.Protocol().Op('}').Text("w").Tensor("FloatStorage", "0", 1L << 40, 0, [1], [1]).Op('s').Stop();
        Refused(4104, TorchBytes.Zip(pickle, ("0", new byte[4])), "tensor 'w' lies in a storage of 1,099,511,627,776 F32, 4,398,046,511,104 bytes; archive/data/0 has 4.");
        Refused(4104, TorchBytes.Zip(pickle), "tensor 'w' lies in storage '0', which the file does not have.");
    }

    [Fact]
    public void SameBytesManyTimesOver_AreRefused()
    {
        PickleBytes pickle = PickleBytes.Protocol().Op('}').Mark();
        for (int i = 0; i < 40; i++)
            pickle.Text($"w{i}").Tensor("ByteStorage", "0", 100_000, 0, [100_000], [1]);
        Refused(4704, TorchBytes.Zip(pickle.Op('u').Stop(), ("0", new byte[100_000])), "its tensors are 4,000,000 bytes all together", "the same bytes many times over");
    }

    [Fact]
    public void TypeThatIsNotReadHere_IsListedAndRefusedWhenAskedFor()
    {
        byte[] pickle = PickleBytes.Protocol().Op('}').Text("w").Tensor("ComplexFloatStorage", "0", 1, 0, [1], [1]).Op('s').Stop();
        using PyTorchFile file = PyTorchFile.Open(_folder.Write("model.pt", TorchBytes.Zip(pickle, ("0", new byte[8]))));

        Assert.Equal("C64 [1]", Assert.Single(file.Tensors).ToString());
        WeightFileException exception = Assert.Throws<WeightFileException>(() => file.Find("w"));
        Assert.Equal((4107, "model.pt: tensor 'w' is C64 [1]: elements of this type are not read here."), (exception.Code, exception.Message));
    }

    [Theory]
    [InlineData(0.2)]
    [InlineData(0.5)]
    [InlineData(0.999)]
    public void FileCutShort_AsksForANewDownload(double kept)
    {
        byte[] zip = File.ReadAllBytes(AudioToken.Testing.Goldens.PathOf("tiny-hf/embedder_learned_embeds.bin"));
        Refused(4105, zip[..(int)(zip.Length * kept)], "ends, after", "without the archive's directory: it is cut short, download again.");

        using MemoryStream legacy = new();
        TorchSave save = new();
        save.AddStorage("0", DType.F32, new byte[4000]);
        save.AddView("w", "0", 0, [1000], [1]);
        save.SaveLegacy(legacy);
        Refused(4105, legacy.ToArray()[..(int)(legacy.Length * kept)], "download again.");
    }

    [Fact]
    public void LegacyStorageOfAnotherLength_IsRefused()
    {
        using MemoryStream legacy = new();
        TorchSave save = new();
        save.AddStorage("0", DType.U8, [1, 2]);
        save.AddView("w", "0", 0, [2], [1]);
        save.SaveLegacy(legacy);
        byte[] bytes = legacy.ToArray();
        bytes[^10] = 200;

        Refused(4702, bytes, "storage '0' has 200 elements according to its data and 2 according to the pickle");
    }

    [Fact]
    public void FileThatShrinksWhileItIsRead_IsAnError()
    {
        string path = _folder.PathOf("model.pt");
        TorchSave save = new();
        save.AddStorage("0", DType.F32, new byte[400_000]);
        save.AddView("whole", "0", 0, [100_000], [1]);
        save.AddView("transposed", "0", 0, [100, 1000], [1, 100]);
        save.SaveZip(path);
        using PyTorchFile file = PyTorchFile.Open(path);
        using (FileStream writer = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            writer.SetLength(100_000);

        foreach (string name in file.Names)
        {
            WeightFileException exception = Assert.Throws<WeightFileException>(() => file.Find(name)!.ReadAll());
            Assert.Equal(4106, exception.Code);
            Assert.Contains($"the file shrank while being read: '{name}'", exception.Message, StringComparison.Ordinal);
        }
    }

    private static IEnumerable<long> Numbers(string list) => list.Trim('[', ']').Split(',').Select(text => long.Parse(text, System.Globalization.CultureInfo.InvariantCulture));

    // A sound archive but for what is asked of the second entry.
    private static byte[] Archive(ushort method = 0, ushort flags = 0x0808, long? claimed = null, long? place = null) => TorchBytes.Archive(zip =>
    {
        zip.Add("archive/data.pkl", TorchBytes.OneByte);
        zip.Add("archive/data/0", [1], method, flags, claimed, place);
        zip.Add("archive/version", "3\n"u8);
    });

    private WeightFileException Refused(int code, byte[] content, params ReadOnlySpan<string> words)
    {
        string path = _folder.Write("model.pt", content);
        WeightFileException exception = Assert.Throws<WeightFileException>(() => PyTorchFile.Open(path));
        foreach (string expected in words)
            Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
        Assert.StartsWith("model.pt", exception.Message, StringComparison.Ordinal);
        Assert.Equal(code, exception.Code);
        return exception;
    }
}
