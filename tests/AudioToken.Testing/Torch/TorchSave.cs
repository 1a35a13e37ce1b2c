using System.Buffers.Binary;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Testing.Torch;

/// <summary>Writes checkpoints as torch.save does: the ZIP form of torch 1.6 and later, or the form before it.</summary>
public sealed class TorchSave
{
    private readonly Dictionary<string, (string Type, long Count, Action<Stream> Write)> _storages = [];
    private readonly List<(string Name, string Storage, long Offset, long[] Extents, long[] Strides)> _tensors = [];

    /// <summary>Name of the archive's one folder: torch takes the file's, or "archive".</summary>
    public string Top { get; init; } = "archive";

    /// <summary>The key of the root dictionary under which the tensors stand; null makes them the root.</summary>
    public string? StateKey { get; init; }

    /// <summary>What stands beside the tensors, as plain data (<see cref="PickleBytes.Value"/>).</summary>
    public Dictionary<string, object?> Beside { get; } = [];

    /// <summary>Adds a tensor with a storage of its own, in the type it has.</summary>
    public void Add(WeightSource source, DType? dtype = null, string? name = null)
    {
        DType target = dtype ?? source.DType;
        string key = _storages.Count.ToString(System.Globalization.CultureInfo.InvariantCulture);
        AddStorage(key, target, source.Shape.Count, stream => Copy(source, target, stream));
        long[] extents = [.. Enumerable.Range(0, source.Shape.Rank).Select(axis => (long)source.Shape[axis])];
        AddView(name ?? source.Name, key, 0, extents, Contiguous(extents));
    }

    /// <summary>Adds all tensors of a collection.</summary>
    public TorchSave AddAll(TensorCollection tensors, DType? dtype = null)
    {
        foreach (string name in tensors.Names)
        {
            WeightSource source = tensors.Find(name)!;
            Add(source, source.DType.IsFloat() ? dtype : null);
        }

        return this;
    }

    /// <summary>Adds a storage.</summary>
    public void AddStorage(string key, DType dtype, long count, Action<Stream> write) => _storages.Add(key, (StorageType(dtype), count, write));

    /// <summary>Adds a storage of given bytes.</summary>
    public void AddStorage(string key, DType dtype, byte[] bytes) => AddStorage(key, dtype, bytes.Length / dtype.Size(), stream => stream.Write(bytes));

    /// <summary>Adds a tensor that is a view of a storage.</summary>
    public void AddView(string name, string storage, long offset, long[] extents, long[] strides) => _tensors.Add((name, storage, offset, extents, strides));

    /// <summary>Writes the ZIP form.</summary>
    public void SaveZip(string path, bool zip64 = false)
    {
        using FileStream stream = File.Create(path);
        SaveZip(stream, zip64);
    }

    /// <summary>Writes the ZIP form.</summary>
    public void SaveZip(Stream stream, bool zip64 = false)
    {
        ZipBytes zip = new(stream) { Zip64 = zip64 };
        zip.Add($"{Top}/data.pkl", Pickle(legacy: false));
        zip.Add($"{Top}/byteorder", "little"u8);
        foreach ((string key, var storage) in _storages)
            zip.Add($"{Top}/data/{key}", storage.Write);
        zip.Add($"{Top}/version", "3\n"u8);
        zip.Add($"{Top}/.format_version", "1"u8);
        zip.Add($"{Top}/.data/serialization_id", "0123456789"u8);
        zip.Finish();
    }

    /// <summary>Writes the form before torch 1.6.</summary>
    public void SaveLegacy(string path)
    {
        using FileStream stream = File.Create(path);
        SaveLegacy(stream);
    }

    /// <summary>Writes the form before torch 1.6.</summary>
    public void SaveLegacy(Stream stream)
    {
        WriteLegacyHead(stream);
        stream.Write(Pickle(legacy: true));
        stream.Write(PickleBytes.Protocol().Value(_storages.Keys).Stop());
        Span<byte> count = stackalloc byte[8];
        foreach (var storage in _storages.Values)
        {
            BinaryPrimitives.WriteInt64LittleEndian(count, storage.Count);
            stream.Write(count);
            storage.Write(stream);
        }
    }

    /// <summary>What stands before the value: magic number, protocol, and the machine's description.</summary>
    public static void WriteLegacyHead(Stream stream, bool littleEndian = true)
    {
        stream.Write(PickleBytes.Protocol().Raw(0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19).Stop());
        stream.Write(PickleBytes.Protocol().Integer(1001).Stop());
        stream.Write(PickleBytes.Protocol().Value(new Dictionary<string, object?>
        {
            ["protocol_version"] = 1001,
            ["little_endian"] = littleEndian,
            ["type_sizes"] = new Dictionary<string, object?> { ["short"] = 2, ["int"] = 4, ["long"] = 4 },
        }).Stop());
    }

    /// <summary>Steps of a row-major tensor.</summary>
    public static long[] Contiguous(long[] extents)
    {
        long[] strides = new long[extents.Length];
        long step = 1;
        for (int axis = extents.Length - 1; axis >= 0; axis--)
        {
            strides[axis] = step;
            step *= Math.Max(1, extents[axis]);
        }

        return strides;
    }

    private byte[] Pickle(bool legacy)
    {
        PickleBytes pickle = PickleBytes.Protocol();
        if (StateKey is null)
        {
            Tensors(pickle, legacy);
            if (Beside.Count > 0)
                Entries(pickle.Mark()).Op('u');
            return pickle.Stop();
        }

        pickle.Op('}').Mark();
        Tensors(pickle.Text(StateKey), legacy);
        return Entries(pickle).Op('u').Stop();
    }

    private PickleBytes Entries(PickleBytes pickle)
    {
        foreach ((string key, object? value) in Beside)
            pickle.Text(key).Value(value);
        return pickle;
    }

    // An OrderedDict with an attribute _metadata, as a module's state_dict() is.
    private void Tensors(PickleBytes pickle, bool legacy)
    {
        pickle.Global("collections", "OrderedDict").Op(')').Reduce().Mark();
        foreach ((string name, string key, long offset, long[] extents, long[] strides) in _tensors)
            pickle.Text(name).Tensor(_storages[key].Type, key, _storages[key].Count, offset, extents, strides, legacy);
        pickle.Op('u').Op('}').Text("_metadata").Op('}').Op('s').Op('b');
    }

    private static void Copy(WeightSource source, DType dtype, Stream stream)
    {
        SafetensorsWriter writer = new(); // it converts as the product does
        writer.Add(source, dtype == source.DType ? null : dtype, "x");
        using MemoryStream whole = new();
        writer.Save(whole);
        byte[] bytes = whole.GetBuffer();
        int start = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        stream.Write(bytes.AsSpan(start, (int)whole.Length - start));
    }

    private static string StorageType(DType dtype) => dtype switch
    {
        DType.F32 => "FloatStorage",
        DType.F16 => "HalfStorage",
        DType.BF16 => "BFloat16Storage",
        DType.F64 => "DoubleStorage",
        DType.I64 => "LongStorage",
        DType.I32 => "IntStorage",
        DType.I16 => "ShortStorage",
        DType.I8 => "CharStorage",
        DType.U8 => "ByteStorage",
        DType.Bool => "BoolStorage",
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "torch has no such storage."),
    };
}
