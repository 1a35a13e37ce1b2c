using AudioToken.Testing.Torch;
using AudioToken.Tests.Weights;
using AudioToken.Weights;
using AudioToken.WeightsConverter.PyTorch;
using Xunit;

namespace AudioToken.Tests.WeightsConverter;

/// <summary>Pickles that would run something, or take all memory, in a program that runs pickles (RELIABILITY cases 11 and 12).</summary>
public sealed class PickleRefusalTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("os", "system")]
    [InlineData("posix", "system")]
    [InlineData("nt", "system")]
    [InlineData("subprocess", "Popen")]
    [InlineData("builtins", "eval")]
    [InlineData("builtins", "exec")]
    [InlineData("builtins", "getattr")]
    [InlineData("builtins", "open")]
    [InlineData("__builtin__", "eval")]
    [InlineData("__builtin__", "apply")]
    [InlineData("torch", "load")]
    [InlineData("torch.storage", "_load_from_bytes")]
    [InlineData("torch.hub", "load")]
    [InlineData("collections", "OrderedDict.__class__")]
    [InlineData("numpy.core.multiarray", "fromfile")]
    [InlineData("pytorch_lightningx", "Evil")] // the beginning of an inert package's name is not the package
    [InlineData("torch", "FloatStorage.from_file")]
    public void ForeignGlobal_IsRefusedByItsName(string module, string name)
    {
        string marker = _folder.PathOf("marker");
        byte[] pickle = PickleBytes.Protocol().Global(module, name).Mark().Text($"touch {marker}").Tuple().Reduce().Stop();

        WeightFileException exception = Refused(4703, pickle, $"at byte 66: the pickle names '{module} {name}', which no checkpoint needs. Nothing of the file was run.");
        Assert.StartsWith("Do not open this file with a program that runs pickles", exception.Hint, StringComparison.Ordinal);
        Assert.False(File.Exists(marker));
    }

    [Fact]
    public void ForeignGlobalOnTheStack_IsRefusedByItsName() =>
        Refused(4703, PickleBytes.Protocol(4).Text("os").Text("system").Raw(0x93).Mark().Text("x").Tuple().Reduce().Stop(), "the pickle names 'os system'");

    [Fact]
    public void ForeignGlobalBehindATensor_IsRefused() =>
        Refused(4703, PickleBytes.Protocol().Op('}').Text("w").Tensor("ByteStorage", "0", 1, 0, [1], [1]).Op('s').Op('(').Global("os", "system").Op('0').Op('1').Stop(), "'os system'");

    [Fact]
    public void NameOfAGlobal_IsPrintedWithoutControlCharacters() =>
        Refused(4703, PickleBytes.Protocol().Global("os\u001b[2J", "system").Stop(), "names 'os\uFFFD[2J system'");

    public static TheoryData<string, byte[]> Tricks { get; } = new()
    {
        { "builds an object of 'os system' by opcode INST", PickleBytes.Protocol().Mark().Text("x").Op('i').Raw("os\nsystem\n"u8).Stop() },
        { "builds an object by opcode OBJ", PickleBytes.Protocol().Mark().Global("collections", "OrderedDict").Text("x").Op('o').Stop() },
        { "builds an object by opcode NEWOBJ_EX", PickleBytes.Protocol().Global("collections", "OrderedDict").Op(')').Op('}').Raw(0x92).Stop() },
        { "names a class by an extension code (EXT)", PickleBytes.Protocol().Raw(0x82, 7).Stop() },
        { "names a class by an extension code (EXT)", PickleBytes.Protocol().Raw(0x83, 7, 0).Stop() },
        { "names a class by an extension code (EXT)", PickleBytes.Protocol().Raw(0x84, 7, 0, 0, 0).Stop() },
        { "names an object outside by opcode PERSID", PickleBytes.Protocol().Op('P').Raw("file:///etc/passwd\n"u8).Stop() },
    };

    [Theory]
    [MemberData(nameof(Tricks))]
    public void OpcodeThatBuildsByName_IsRefused(string words, byte[] pickle) => Refused(4703, pickle, words);

    public static TheoryData<string, byte[]> Malformed { get; } = new()
    {
        { "a persistent id is not a storage's", PickleBytes.Protocol().Text("module").PersistentId().Stop() },
        { "a persistent id is not a storage's", PickleBytes.Protocol().Mark().Text("module").Global("torch", "FloatStorage").Text("0").Text("cpu").Integer(1).Tuple().PersistentId().Stop() },
        { "a persistent id is not a storage's", PickleBytes.Protocol().Mark().Text("storage").Global("torch", "Size").Text("0").Text("cpu").Integer(1).Tuple().PersistentId().Stop() },
        { "storage '0' has -1 elements", PickleBytes.Protocol().Storage("FloatStorage", "0", -1).Stop() },
        { "storage '0' is described in two ways", PickleBytes.Protocol().Storage("FloatStorage", "0", 1).Storage("HalfStorage", "0", 1).Stop() },
        { "it calls what is no class", PickleBytes.Protocol().Text("os.system").Mark().Text("x").Tuple().Reduce().Stop() },
        { "it calls what is no class", PickleBytes.Protocol().Global("collections", "OrderedDict").Op(')').Reduce().Op(')').Reduce().Stop() },
        { "the arguments of a call are no tuple", PickleBytes.Protocol().Global("collections", "OrderedDict").Op(']').Reduce().Stop() },
        { "'torch FloatStorage' is called, and is nothing to be called", PickleBytes.Protocol().Global("torch", "FloatStorage").Mark().Text("x").Tuple().Reduce().Stop() },
        { "'torch._utils _rebuild_tensor_v2' is called with arguments that it does not take", PickleBytes.Protocol().Global("torch._utils", "_rebuild_tensor_v2").Mark().Text("x").Tuple().Reduce().Stop() },
        { "'torch._tensor _rebuild_from_type_v2' is called with arguments that it does not take",
            PickleBytes.Protocol().Global("torch._tensor", "_rebuild_from_type_v2").Op('q').Raw(0).Mark().Op('h').Raw(0).Op('N').Op(')').Op('N').Tuple().Reduce().Stop() },
        { "an extent or stride is no number", PickleBytes.Protocol().Global("torch._utils", "_rebuild_tensor").Mark().Storage("ByteStorage", "0", 1).Integer(0).Mark().Text("1").Tuple().Integers([1]).Tuple().Reduce().Stop() },
        { "a tensor has 17 extents; at most 16 are read", PickleBytes.Protocol().Tensor("ByteStorage", "0", 1, 0, Enumerable.Repeat(1L, 17), Enumerable.Repeat(1L, 17)).Stop() },
        { "it sets attributes of what has none", PickleBytes.Protocol().Op(']').Op('}').Op('b').Stop() },
        { "it adds items to what is no list", PickleBytes.Protocol().Op(')').Op('N').Op('a').Stop() },
        { "it sets items of what is no dictionary", PickleBytes.Protocol().Op(']').Op('N').Op('N').Op('s').Stop() },
        { "a dictionary is given a key without a value", PickleBytes.Protocol().Op('}').Mark().Text("k").Op('u').Stop() },
        { "a dictionary has the key 'k' twice", PickleBytes.Protocol().Op('}').Mark().Text("k").Op('N').Text("k").Op('N').Op('u').Stop() },
        { "a key of a dictionary is neither text, number nor class", PickleBytes.Protocol().Op('}').Op(']').Op('N').Op('s').Stop() },
        { "an opcode wants a mark, and there is none", PickleBytes.Protocol().Op('t').Stop() },
        { "an opcode wants more values than there are", PickleBytes.Protocol().Op('0').Stop() },
        { "an opcode wants more values than there are", PickleBytes.Protocol().Op('}').Op('N').Op('s').Stop() },
        { "an opcode wants more values than there are", PickleBytes.Protocol().Op('N').Mark().Raw(0x85).Op('1').Stop() }, // from beyond a mark
        { "it ends with values left over", PickleBytes.Protocol().Op('N').Op('N').Stop() },
        { "it ends with values left over", PickleBytes.Protocol().Stop() },
        { "memo entry 5 is fetched before it was stored", PickleBytes.Protocol().Op('h').Raw(5).Stop() },
        { "memo entry 3 is fetched before it was stored", PickleBytes.Protocol().Op('N').Op('q').Raw(9).Op('h').Raw(3).Stop() },
        { "it is of protocol 9; 2 to 5 are read", PickleBytes.Protocol(9).Op('N').Stop() },
        { "opcode 0x49 is not one that checkpoints use", PickleBytes.Protocol().Op('I').Raw("1\n"u8).Stop() },
        { "opcode 0xFF is not one that checkpoints use", PickleBytes.Protocol().Raw(0xFF).Stop() },
        { "a string is not valid UTF-8", PickleBytes.Protocol().Op('X').UInt32(1).Raw(0xFF).Stop() },
        { "the module of a global is no text", PickleBytes.Protocol(4).Op('N').Text("system").Raw(0x93).Stop() },
        { "the name of a global is no text", PickleBytes.Protocol(4).Text("os").Op('N').Raw(0x93).Stop() },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public void MalformedPickle_IsRefused(string words, byte[] pickle) => Refused(4702, pickle, words);

    [Fact]
    public void Bombs_AreRefusedByALimit()
    {
        foreach ((string words, Func<byte[]> pickle) in PickleBombs.All)
            Refused(4704, pickle(), words);
    }

    // Each list holds the one before it twenty times: 20^10 leaves in some two hundred bytes.
    [Fact]
    public void BillionLaughs_AreLeftOutOfThePlainData()
    {
        PickleBytes pickle = PickleBytes.Protocol().Op('}').Text("w").Tensor("ByteStorage", "0", 1, 0, [1], [1]).Op('s').Text("laughs").Op(']').Op('q').Raw(0);
        for (int level = 0; level < 10; level++)
        {
            pickle.Op('0').Op(']').Mark();
            for (int i = 0; i < 20; i++)
                pickle.Op('h').Raw((byte)level);
            pickle.Op('e').Op('q').Raw((byte)(level + 1));
        }

        using PyTorchFile file = PyTorchFile.Open(_folder.Write("t.pt", TorchBytes.Zip(pickle.Op('s').Stop(), ("0", [9]))));
        Assert.Equal(["w"], file.Names);
        Assert.Empty(file.Metadata);
    }

    [Fact]
    public void BillionDictionaries_AreRefused()
    {
        PickleBytes pickle = PickleBytes.Protocol().Op('}').Text("w").Tensor("ByteStorage", "0", 1, 0, [1], [1]).Op('s').Op('q').Raw(0);
        for (int level = 0; level < 10; level++)
        {
            pickle.Op('0').Op('}').Mark();
            for (int i = 0; i < 20; i++)
                pickle.Text($"{i}").Op('h').Raw((byte)level);
            pickle.Op('u').Op('q').Raw((byte)(level + 1));
        }

        Refused(4704, pickle.Stop(), "it has more than 65,536 tensors");
    }

    [Fact]
    public void ManyNamesForOneLargeDictionary_AreRefused()
    {
        PickleBytes pickle = PickleBytes.Protocol().Op('}').Text("w").Tensor("ByteStorage", "0", 1, 0, [1], [1]).Op('s').Text("large").Op('}').Op('q').Raw(0).Mark();
        for (int i = 0; i < 50_000; i++)
            pickle.Integer(i).Op('N');
        pickle.Op('u').Op('s').Mark();
        for (int i = 0; i < 50_000; i++)
            pickle.Integer(i).Op('h').Raw(0);

        Refused(4704, pickle.Op('u').Stop(), "dictionaries hold one another more than 1,000,000 times over");
    }

    [Fact]
    public void DictionaryThatHoldsItself_IsRefused()
    {
        byte[] pickle = PickleBytes.Protocol().Op('}').Op('q').Raw(0).Text("w").Tensor("ByteStorage", "0", 1, 0, [1], [1]).Op('s').Text("self").Op('h').Raw(0).Op('s').Stop();

        Refused(4704, pickle, "nested more than 64 deep, or one holds itself");
    }

    [Fact]
    public void ListThatHoldsItself_IsLeftOut()
    {
        byte[] pickle = PickleBytes.Protocol().Op('}').Text("w").Tensor("ByteStorage", "0", 1, 0, [1], [1]).Op('s')
            .Text("self").Op(']').Op('q').Raw(0).Op('h').Raw(0).Op('a').Op('s').Stop();

        using PyTorchFile file = PyTorchFile.Open(_folder.Write("t.pt", TorchBytes.Zip(pickle, ("0", [9]))));
        Assert.Empty(file.Metadata);
    }

    [Fact]
    public void PickleThatEndsTooEarly_AsksForANewDownload() =>
        Refused(4105, PickleBytes.Protocol().Op('X').UInt32(100).Raw("abc"u8).ToArray(), "the pickle goes on where its data ends, at byte");

    [Fact]
    public void LegacyForm_IsHeldToTheSameRules()
    {
        string path = _folder.Write("t.pt", TorchBytes.Legacy(PickleBytes.Protocol().Global("os", "system").Mark().Text("x").Tuple().Reduce().Stop()));

        WeightFileException exception = Assert.Throws<WeightFileException>(() => PyTorchFile.Open(path));
        Assert.Contains("t.pt: at byte 127: the pickle names 'os system'", exception.Message, StringComparison.Ordinal);
    }

    private WeightFileException Refused(int code, byte[] pickle, string expected)
    {
        string path = _folder.Write("model.pt", TorchBytes.Zip(pickle, ("0", [9])));
        WeightFileException exception = Assert.Throws<WeightFileException>(() => PyTorchFile.Open(path));
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
        Assert.StartsWith("model.pt", exception.Message, StringComparison.Ordinal);
        Assert.Equal(code, exception.Code);
        Assert.Single(_folder.Files);
        return exception;
    }
}
