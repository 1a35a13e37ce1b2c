using System.Text;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Testing.Torch;
using AudioToken.Weights;

namespace AudioToken.Fuzz;

/// <summary>Small good inputs, made here or taken from the goldens.</summary>
internal static class SeedCorpus
{
    public static Dictionary<string, byte[]> Safetensors()
    {
        SafetensorsWriter writer = new();
        writer.Add("a.weight", [2, 3], [1f, 2f, 3f, 4f, 5f, 6f]);
        writer.Add("a.bias", [2], [1f, 2f], DType.BF16);
        writer.Add("ids", [1, 2], [1L, 2L]);
        writer.Add("scalar", [], [1f], DType.F16);
        writer.Add("empty", [0, 4], ReadOnlySpan<float>.Empty);
        writer.SetMetadata("format", "pt");
        using MemoryStream several = new();
        writer.Save(several);
        using MemoryStream none = new();
        new SafetensorsWriter().Save(none);
        return new() { ["several"] = several.ToArray(), ["none"] = none.ToArray() };
    }

    public static Dictionary<string, byte[]> Torch()
    {
        TorchSave save = new() { StateKey = "state_dict" };
        save.AddStorage("0", DType.F32, [.. Enumerable.Range(0, 24).SelectMany(value => BitConverter.GetBytes((float)value))]);
        save.AddView("whole", "0", 0, [4, 6], [6, 1]);
        save.AddView("transposed", "0", 1, [3, 4], [1, 6]);
        save.AddStorage("1", DType.F16, new byte[8]);
        save.AddView("half", "1", 0, [4], [1]);
        save.AddStorage("2", DType.I64, new byte[8]);
        save.AddView("scalar", "2", 0, [], []);
        save.Beside["global_step"] = 470_000;
        save.Beside["cfg"] = new Dictionary<string, object?> { ["deep_norm"] = true, ["dropout"] = 0.1, ["layers"] = new List<object?> { 1, null, "x" } };
        using MemoryStream zip = new(), zip64 = new(), legacy = new();
        save.SaveZip(zip);
        save.SaveZip(zip64, zip64: true);
        save.SaveLegacy(legacy);
        return new() { ["zip"] = zip.ToArray(), ["zip64"] = zip64.ToArray(), ["legacy"] = legacy.ToArray() };
    }

    public static Dictionary<string, byte[]> Pickle() => new()
    {
        ["tensors"] = PickleBytes.Protocol().Op('}').Op('q').Raw(0).Mark()
            .Text("w").Tensor("FloatStorage", "0", 4, 0, [2, 2], [2, 1]).Op('q').Raw(1)
            .Text("t").Tensor("FloatStorage", "0", 4, 0, [2, 2], [1, 2])
            .Text("same").Op('h').Raw(1)
            .Text("parameter").Global("torch._utils", "_rebuild_parameter").Mark().Op('h').Raw(1).Raw(0x88).Op('}').Tuple().Reduce()
            .Op('u').Stop(),
        ["inert"] = PickleBytes.Protocol(4).Raw(0x95).UInt64(100).Op('}').Raw(0x94).Mark()
            .Raw(0x8C, 1, (byte)'w', 0x94).Tensor("HalfStorage", "0", 8, 1, [3], [2])
            .Text("scalar").Text("numpy.core.multiarray").Text("scalar").Raw(0x93).Op(')').Reduce()
            .Text("set").Raw(0x8F).Mark().Integer(1).Raw(0x90)
            .Text("bytes").Op('C').Raw(2, 1, 2).Text("float").Value(0.5).Text("long").Integer(1L << 40).Text("tuple").Integers([1, 2, 3]).Text("namespace").Global("argparse", "Namespace").Op(')').Raw(0x81).Op('}').Op('b')
            .Op('u').Stop(),
    };

    /// <summary>The ZIP form around a pickle, with one storage of 16 bytes.</summary>
    public static byte[] ZipAround(byte[] pickle)
    {
        using MemoryStream stream = new();
        ZipBytes zip = new(stream);
        zip.Add("archive/data.pkl", pickle);
        zip.Add("archive/data/0", [0, 0, 0x80, 0x3F, 0, 0, 0, 0x40, 0, 0, 0x40, 0x40, 0, 0, 0x80, 0x40]);
        zip.Finish();
        return stream.ToArray();
    }

    /// <summary>Files of every kind, as they lie where a checkpoint is looked for.</summary>
    public static Dictionary<string, byte[]> Checkpoints() => new()
    {
        ["safetensors"] = Safetensors()["several"],
        ["zip"] = Torch()["zip"],
        ["legacy"] = Torch()["legacy"],
        ["lfs"] = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"u8.ToArray(),
        ["xml"] = "<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code></Error>"u8.ToArray(),
        ["onnx"] = [0x08, 0x08, 0x12, 0x07, .. "pytorch"u8],
    };

    public static Dictionary<string, byte[]> Configs() => new()
    {
        ["unet"] = Golden("tiny-hf/unet/config.json"),
        ["unet2"] = Golden("tiny-hf-sd2/unet/config.json"),
        ["vae"] = Golden("tiny-hf/vae/config.json"),
        ["text"] = Golden("tiny-hf/text_encoder/config.json"),
        ["scheduler"] = Golden("tiny-hf/scheduler/scheduler_config.json"),
    };

    /// <summary>The shards of <see cref="Indices"/>: one byte each, headers written out so that no library code runs.</summary>
    public static IReadOnlyDictionary<string, byte[]> Shards { get; } = new Dictionary<string, byte[]>
    {
        ["m-00001-of-00002.safetensors"] = Shard("a"),
        ["m-00002-of-00002.safetensors"] = Shard("b"),
    };

    public static Dictionary<string, byte[]> Indices() => new()
    {
        ["index"] = "{\"metadata\":{\"total_size\":8},\"weight_map\":{\"a\":\"m-00001-of-00002.safetensors\",\"b\":\"m-00002-of-00002.safetensors\"}}"u8.ToArray(),
    };

    public static Dictionary<string, byte[]> Tokenizers()
    {
        byte[] vocabulary = Golden("tiny-hf/tokenizer/vocab.json"), merges = Golden("tiny-hf/tokenizer/merges.txt"), config = Golden("tiny-hf/tokenizer/tokenizer_config.json");
        return new()
        {
            ["tiny"] = [.. vocabulary, 0xFF, .. merges, 0xFF, .. config],
            ["two"] = [.. vocabulary, 0xFF, .. Encoding.UTF8.GetBytes("#version: 0.2\na n\nan d</w>\n")],
        };
    }

    private static byte[] Shard(string name)
    {
        byte[] header = Encoding.UTF8.GetBytes($"{{\"{name}\":{{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}}}");
        return [.. BitConverter.GetBytes((long)header.Length), .. header, 7];
    }

    private static byte[] Golden(string name) => File.ReadAllBytes(Goldens.PathOf(name));
}
