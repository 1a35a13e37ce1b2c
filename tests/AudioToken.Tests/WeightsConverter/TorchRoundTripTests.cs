using AudioToken.Tensors;
using AudioToken.Testing.Torch;
using AudioToken.Tests.Weights;
using AudioToken.Weights;
using AudioToken.WeightsConverter.PyTorch;
using CsCheck;
using Xunit;

namespace AudioToken.Tests.WeightsConverter;

/// <summary>Both forms of torch.save, every element type, every kind of view.</summary>
public sealed class TorchRoundTripTests : IDisposable
{
    // A row-major storage seen through a slice and a permutation of axes: what views of torch come to.
    private static readonly Gen<ViewSample> s_view =
        Gen.Select(Gen.Enum<DType>().Where(type => type is not (DType.U16 or DType.U32 or DType.U64)), Gen.Int[1, 6].Array[1, 5], Gen.Int[0, 1000])
        .SelectMany((dtype, extents, seed) => Gen.Select(Gen.Byte.Array[extents.Aggregate(dtype.Size(), (product, extent) => product * extent)], Gen.Shuffle(Enumerable.Range(0, extents.Length).ToArray()))
            .Select((bytes, order) => ViewSample.Of(dtype, extents, order, bytes, seed)));

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AnyView_IsReadInRowMajorOrder(bool legacy)
    {
        Gen.Select(s_view.Array[1, 4], Gen.Int[0, 50]).Sample((views, cut) =>
        {
            using PyTorchFile file = Save(views, legacy);
            for (int i = 0; i < views.Length; i++)
            {
                StoredWeightSource source = (StoredWeightSource)file.Find($"t{i}")!;
                Assert.Equal(views[i].DType, source.DType);
                Assert.Equal(views[i].Extents, file.Tensors.ElementAt(i).Extents);
                byte[] expected = views[i].RowMajor(), actual = new byte[expected.Length];
                int at = Math.Min(cut, actual.Length); // in two pieces, cut anywhere
                source.ReadBytes(0, actual.AsSpan(0, at));
                source.ReadBytes(at, actual.AsSpan(at));
                Assert.Equal(expected, actual);
            }
        }, iter: 200, threads: 1);
    }

    [Theory]
    [InlineData(DType.F32, 300, 700)]
    [InlineData(DType.F16, 2048, 512)] // lines a power of two apart, the worst for a cache of blocks
    public void LargeTransposedMatrix_IsReadThroughBlocks(DType dtype, int rows, int columns)
    {
        byte[] storage = new byte[rows * columns * dtype.Size()];
        new Random(5).NextBytes(storage);
        TorchSave save = new();
        save.AddStorage("0", dtype, storage);
        save.AddView("transposed", "0", 0, [columns, rows], [1, columns]);
        string path = _folder.PathOf("t.pt");
        save.SaveZip(path);

        using PyTorchFile file = PyTorchFile.Open(path);
        byte[] actual = new byte[storage.Length];
        ((StoredWeightSource)file.Find("transposed")!).ReadBytes(0, actual);

        Assert.Equal(new ViewSample(dtype, storage, 0, [columns, rows], [1, columns]).RowMajor(), actual);
    }

    [Fact]
    public void Values_AreWidenedAndNarrowedToFloat()
    {
        TorchSave save = new();
        save.AddStorage("0", DType.F64, [.. BitConverter.GetBytes(1.0 / 3.0), .. BitConverter.GetBytes(-1e300)]);
        save.AddView("double", "0", 0, [2], [1]);
        save.AddStorage("1", DType.I64, [.. BitConverter.GetBytes(-7L), .. BitConverter.GetBytes((1L << 40) + 1)]);
        save.AddView("long", "1", 0, [2], [1]);
        save.AddStorage("2", DType.Bool, [1, 0]);
        save.AddView("bool", "2", 0, [2], [1]);
        string path = _folder.PathOf("t.pt");
        save.SaveZip(path);

        using PyTorchFile file = PyTorchFile.Open(path);
        Assert.Equal([1f / 3f, float.NegativeInfinity], file.Find("double")!.ReadAll());
        Assert.Equal([-7f, 1L << 40], file.Find("long")!.ReadAll());
        Assert.Equal([1f, 0f], file.Find("bool")!.ReadAll());
        Assert.Equal(DType.F64, file.Find("double")!.DType);
    }

    [Fact]
    public void SharedStorage_IsReadByEachOfItsTensors()
    {
        TorchSave save = new();
        save.AddStorage("0", DType.F32, [.. BitConverter.GetBytes(1f), .. BitConverter.GetBytes(2f), .. BitConverter.GetBytes(3f)]);
        save.AddView("layers.0.bias", "0", 0, [3], [1]);
        save.AddView("layers.1.bias", "0", 0, [3], [1]);
        save.AddView("last", "0", 2, [], []);
        string path = _folder.PathOf("t.pt");
        save.SaveZip(path);

        using PyTorchFile file = PyTorchFile.Open(path);
        Assert.Equal([1f, 2f, 3f], file.Find("layers.0.bias")!.ReadAll());
        Assert.Equal([1f, 2f, 3f], file.Find("layers.1.bias")!.ReadAll());
        Assert.Equal([3f], file.Find("last")!.ReadAll());
        Assert.Single(file.Tensors.Select(tensor => tensor.StorageKey).Distinct());
    }

    [Theory]
    [InlineData("archive", false)]
    [InlineData("sd1_lora-40000", true)]
    [InlineData("größe 漢字", false)]
    public void LdmCheckpoint_GivesItsStateDictAndPlainData(string top, bool zip64)
    {
        TorchSave save = new() { Top = top, StateKey = "state_dict" };
        save.AddStorage("0", DType.F32, BitConverter.GetBytes(4f));
        save.AddView("model.diffusion_model.out.2.bias", "0", 0, [1], [1]);
        save.Beside["global_step"] = 470_000;
        save.Beside["lr"] = 0.5;
        save.Beside["callbacks"] = PickleBytes.Protocol().Op('}').Global("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint")
            .Op('}').Text("best").Op('N').Op('s').Op('s').ToArray()[2..];
        save.Beside["loops"] = new List<object?> { true, null, -1L << 40, "x" };
        string path = _folder.PathOf("t.ckpt");
        save.SaveZip(path, zip64);

        using PyTorchFile file = PyTorchFile.Open(path);
        Assert.Equal(("state_dict", "t.ckpt"), (file.StateKey, file.Description));
        Assert.Equal(["model.diffusion_model.out.2.bias"], file.Names);
        Assert.Equal([4f], file.Find("model.diffusion_model.out.2.bias")!.ReadAll());
        Assert.Equal(("470000", "0.5"), (file.Metadata["global_step"], file.Metadata["lr"]));
        Assert.Equal("""{"<pytorch_lightning.callbacks.model_checkpoint ModelCheckpoint>":{"best":null}}""", file.Metadata["callbacks"]);
        Assert.Equal("""[true,null,-1099511627776,"x"]""", file.Metadata["loops"]);
        Assert.Contains("pytorch_lightning.callbacks.model_checkpoint ModelCheckpoint", file.Globals);
    }

    [Fact]
    public void NestedDictionaries_GiveNamesJoinedByDots()
    {
        byte[] pickle = PickleBytes.Protocol().Op('}').Text("a").Op('}').Text("b").Tensor("ByteStorage", "0", 1, 0, [1], [1]).Op('s').Op('s').Text("note").Text("hello").Op('s').Stop();

        using PyTorchFile file = PyTorchFile.Open(_folder.Write("t.pt", TorchBytes.Zip(pickle, ("0", [9]))));
        Assert.Equal(["a.b"], file.Names);
        Assert.Equal("\"hello\"", file.Metadata["note"]);
    }

    [Fact]
    public void TensorBesideTheStateDict_IsNotOneOfTheModel()
    {
        byte[] pickle = PickleBytes.Protocol().Op('}').Mark()
            .Text("best_score").Tensor("ByteStorage", "0", 1, 0, [], [])
            .Text("state_dict").Op('}').Text("w").Tensor("ByteStorage", "0", 1, 0, [1], [1]).Op('s')
            .Op('u').Stop();

        using PyTorchFile file = PyTorchFile.Open(_folder.Write("t.pt", TorchBytes.Zip(pickle, ("0", [9]))));
        Assert.Equal(["w"], file.Names);
        Assert.Equal("\"<tensor U8 []>\"", file.Metadata["best_score"]);
    }

    [Fact]
    public void InertObjects_LeaveNothingButTheirName()
    {
        byte[] pickle = PickleBytes.Protocol().Op('}').Mark()
            .Text("w").Tensor("ByteStorage", "0", 1, 0, [1], [1])
            .Text("scalar").Global("numpy.core.multiarray", "scalar").Global("numpy", "dtype").Text("f8").Raw(0x89, 0x88, 0x87).Reduce().Text("bytes").Raw(0x86).Reduce()
            .Text("parameters").Global("omegaconf.dictconfig", "DictConfig").Op(')').Raw(0x81).Op('}').Text("a").Op('N').Op('s').Op('b')
            .Text("namespace").Global("argparse", "Namespace").Op(')').Raw(0x81).Mark().Text("k").Op('N').Op('u')
            .Op('u').Stop();

        using PyTorchFile file = PyTorchFile.Open(_folder.Write("t.pt", TorchBytes.Zip(pickle, ("0", [9]))));
        Assert.Equal("\"<numpy.core.multiarray scalar>\"", file.Metadata["scalar"]);
        Assert.Equal("\"<omegaconf.dictconfig DictConfig>\"", file.Metadata["parameters"]);
        Assert.Equal("\"<argparse Namespace>\"", file.Metadata["namespace"]);
    }

    [Fact]
    public void NewerTensors_TakeTheirTypeFromTheCall()
    {
        byte[] pickle = PickleBytes.Protocol().Op('}')
            .Text("v3").Global("torch._utils", "_rebuild_tensor_v3").Mark().Mark().Text("storage").Global("torch.storage", "UntypedStorage").Text("0").Text("cpu").Integer(8).Tuple().PersistentId()
            .Integer(1).Integers([2]).Integers([1]).Raw(0x89).Global("collections", "OrderedDict").Op(')').Reduce().Global("torch", "float16").Tuple().Reduce().Op('s')
            .Text("parameter").Global("torch._utils", "_rebuild_parameter").Mark().Tensor("HalfStorage", "1", 1, 0, [1], [1]).Raw(0x88).Global("collections", "OrderedDict").Op(')').Reduce().Tuple().Reduce().Op('s')
            .Text("typed").Global("torch._tensor", "_rebuild_from_type_v2").Mark().Global("torch._utils", "_rebuild_tensor").Global("torch", "Tensor")
            .Mark().Storage("HalfStorage", "1", 1).Integer(0).Integers([1]).Integers([1]).Tuple().Op('}').Tuple().Reduce().Op('s')
            .Stop();
        byte[] halves = [.. new[] { 0f, 1f, 2f, 3f }.SelectMany(value => BitConverter.GetBytes((Half)value))];

        using PyTorchFile file = PyTorchFile.Open(_folder.Write("t.pt", TorchBytes.Zip(pickle, ("0", halves), ("1", halves[..2]))));
        Assert.Equal([1f, 2f], file.Find("v3")!.ReadAll());
        Assert.Equal([0f], file.Find("parameter")!.ReadAll());
        Assert.Equal([0f], file.Find("typed")!.ReadAll());
    }

    [Fact]
    public void LegacyView_IsAPartOfItsStorage()
    {
        using MemoryStream bytes = new();
        TorchSave.WriteLegacyHead(bytes);
        bytes.Write(PickleBytes.Protocol().Op('}').Text("w").Global("torch._utils", "_rebuild_tensor_v2").Mark()
            .Mark().Text("storage").Global("torch", "ByteStorage").Text("94").Text("cpu").Integer(6).Mark().Text("95").Integer(2).Integer(3).Tuple().Tuple().PersistentId()
            .Integer(1).Integers([2]).Integers([1]).Raw(0x89).Op('}').Tuple().Reduce().Op('s').Stop());
        bytes.Write(PickleBytes.Protocol().Value(new[] { "94" }).Stop());
        bytes.Write([6, 0, 0, 0, 0, 0, 0, 0, 10, 11, 12, 13, 14, 15]);

        using PyTorchFile file = PyTorchFile.Open(_folder.Write("t.pt", bytes.ToArray()));
        Assert.Equal(PyTorchForm.Legacy, file.Form);
        Assert.Equal([13f, 14f], file.Find("w")!.ReadAll());
    }

    [Fact]
    public void ReadingBeyondATensor_IsTheCallersMistake()
    {
        TorchSave save = new();
        save.AddStorage("0", DType.U8, new byte[4]);
        save.AddView("w", "0", 0, [2], [1]);
        string path = _folder.PathOf("t.pt");
        save.SaveZip(path);

        using PyTorchFile file = PyTorchFile.Open(path);
        StoredWeightSource source = (StoredWeightSource)file.Find("w")!;
        Assert.Throws<ArgumentOutOfRangeException>(() => source.ReadBytes(1, new byte[2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => source.Read(-1, new float[1]));
        Assert.Null(file.Find("absent"));
    }

    private PyTorchFile Save(ViewSample[] views, bool legacy)
    {
        TorchSave save = new();
        for (int i = 0; i < views.Length; i++)
        {
            save.AddStorage($"{i}", views[i].DType, views[i].Storage);
            save.AddView($"t{i}", $"{i}", views[i].Offset, views[i].Extents, views[i].Strides);
        }

        string path = _folder.PathOf("sample.pt");
        if (legacy)
            save.SaveLegacy(path);
        else
            save.SaveZip(path);
        return PyTorchFile.Open(path);
    }

    private sealed record ViewSample(DType DType, byte[] Storage, long Offset, long[] Extents, long[] Strides)
    {
        public static ViewSample Of(DType dtype, int[] extents, int[] order, byte[] bytes, int seed)
        {
            Random random = new(seed);
            long[] steps = TorchSave.Contiguous([.. extents.Select(extent => (long)extent)]);
            long[] first = [.. extents.Select(extent => (long)random.Next(extent))];
            long[] step = [.. extents.Select((extent, axis) => (long)random.Next(1, 3))];
            long[] length = [.. extents.Select((extent, axis) => 1 + (extent - 1 - first[axis]) / step[axis])];
            long offset = first.Zip(steps, (at, stride) => at * stride).Sum();
            return new ViewSample(dtype, bytes, offset, [.. order.Select(axis => length[axis])], [.. order.Select(axis => steps[axis] * step[axis])]);
        }

        /// <summary>The definition: each element by its index.</summary>
        public byte[] RowMajor()
        {
            int size = DType.Size();
            long count = Extents.Aggregate(1L, (product, extent) => product * extent);
            byte[] bytes = new byte[count * size];
            long[] index = new long[Extents.Length];
            for (long flat = 0; flat < count; flat++)
            {
                long rest = flat, place = Offset;
                for (int axis = index.Length - 1; axis >= 0; axis--)
                {
                    place += rest % Extents[axis] * Strides[axis];
                    rest /= Extents[axis];
                }

                Storage.AsSpan((int)place * size, size).CopyTo(bytes.AsSpan((int)flat * size));
            }

            return bytes;
        }
    }
}
