using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using AudioToken.Models.Beats;
using AudioToken.Models.Clip;
using AudioToken.Models.Unet;
using AudioToken.Models.Vae;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Weights;
using AudioToken.WeightsConverter;
using AudioToken.WeightsConverter.Hub;
using Xunit;

namespace AudioToken.Tests.WeightsConverter;

/// <summary>Every tensor of the published models, names and shapes at full size, in both layouts: the files are sparse, each tensor's first
/// element is a number of its own, so that a tensor in the wrong place shows.</summary>
public sealed class FullSizeLayoutTests : IDisposable
{
    private static readonly UnetConfig s_unet1 = Parse(UnetConfig.Parse, """{"cross_attention_dim": 768}"""), s_unet2 = Parse(UnetConfig.Parse, """{"cross_attention_dim": 1024, "attention_head_dim": [5, 10, 20, 20], "use_linear_projection": true}""");
    private static readonly ClipTextConfig s_text1 = Parse(ClipTextConfig.Parse, """{"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12}"""), s_text2 = Parse(ClipTextConfig.Parse, """{"hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16, "num_hidden_layers": 23, "hidden_act": "gelu"}""");

    private readonly string _folder = Directory.CreateTempSubdirectory("audiotoken-full-size-").FullName;

    [Theory]
    [InlineData(false, 859_520_964, 123_060_480)]
    [InlineData(true, 865_910_724, 340_387_840)]
    public void SingleFileAndFolder_HoldTheSameModel(bool second, long unetParameters, long textParameters)
    {
        Dictionary<string, IReadOnlyDictionary<string, Shape>> tables = new()
        {
            ["unet/diffusion_pytorch_model"] = CheckpointShapes.Unet(second ? s_unet2 : s_unet1, linearProjection: second),
            ["vae/diffusion_pytorch_model"] = CheckpointShapes.Vae(new VaeConfig(), newAttentionNames: true),
            ["text_encoder/model"] = CheckpointShapes.ClipText(second ? s_text2 : s_text1),
        };
        Assert.Equal(unetParameters, tables["unet/diffusion_pytorch_model"].Values.Sum(shape => shape.Count));
        Assert.Equal(textParameters, tables["text_encoder/model"].Values.Sum(shape => shape.Count));

        // The folder: fp16, each tensor with its mark.
        string folder = Path.Combine(_folder, "folder");
        Dictionary<string, TensorCollection> marked = [];
        foreach ((string path, IReadOnlyDictionary<string, Shape> table) in tables)
        {
            Directory.CreateDirectory(Path.Combine(folder, Path.GetDirectoryName(path)!));
            marked[path] = new Marked(table);
            WriteSparse(Path.Combine(folder, path + ".fp16.safetensors"), table.Keys.Select(name => marked[path].Find(name)!));
        }

        WriteConfigs(folder, second);
        // The single file of the same model.
        string single = Path.Combine(_folder, "single.safetensors");
        WriteSparse(single, LdmCheckpoint.Of(marked["unet/diffusion_pytorch_model"], marked["vae/diffusion_pytorch_model"], marked["text_encoder/model"], openClip: second));

        using GatheredModel ofFolder = Open(new ModelRequest { Model = folder }), ofSingle = Open(new ModelRequest { Model = single });
        foreach ((ModelComponent component, string path) in ((ModelComponent, string)[])[(ModelComponent.Unet, "unet/diffusion_pytorch_model"), (ModelComponent.Vae, "vae/diffusion_pytorch_model"), (ModelComponent.Text, "text_encoder/model")])
        {
            using TensorCollection first = ofFolder.Open(component), other = ofSingle.Open(component);
            Assert.Equal(tables[path].Keys.Order(StringComparer.Ordinal), first.Names.Order(StringComparer.Ordinal));
            Assert.Equal(tables[path].Keys.Order(StringComparer.Ordinal), other.Names.Order(StringComparer.Ordinal));
            foreach (string name in first.Names)
            {
                WeightSource one = first.Find(name)!, two = other.Find(name)!;
                Assert.Equal((name, tables[path][name], DType.F16), (name, one.Shape, one.DType));
                Assert.Equal((name, tables[path][name], DType.F16), (name, two.Shape, two.DType));
                Assert.Equal((name, First(one)), (name, First(two)));
            }
        }

        // What shapes tell, and what is usual, gives the architecture back.
        Assert.Equal(second ? s_unet2.Heads : s_unet1.Heads, Parse(UnetConfig.Parse, ofSingle.ConfigJson(ModelComponent.Unet)).Heads);
        Assert.Equal(second ? s_text2.Heads : s_text1.Heads, Parse(ClipTextConfig.Parse, ofSingle.ConfigJson(ModelComponent.Text)).Heads);
        Assert.Equal(new VaeConfig().Channels, Parse(VaeConfig.Parse, ofSingle.ConfigJson(ModelComponent.Vae)).Channels);
    }

    [Theory]
    [InlineData(768)]
    [InlineData(1024)]
    public void BeatsAndEmbedder_AreKnownByTheirTensors(int width)
    {
        string beats = Path.Combine(_folder, "a.safetensors"), embedder = Path.Combine(_folder, "b.safetensors");
        WriteSparse(beats, Sources(CheckpointShapes.Beats(new BeatsConfig())));
        WriteSparse(embedder, Sources(CheckpointShapes.Embedder(3 * 768, width)));
        using GatheredModel model = Open(new ModelRequest { Beats = beats, Embedder = embedder });
        Assert.Equal([ModelComponent.Beats, ModelComponent.Embedder], model.Components);
        using TensorCollection tensors = model.Open(ModelComponent.Embedder);
        Assert.Equal([width, 2304], tensors.Find("fc2.weight")!.Shape);
        Assert.Equal(new BeatsConfig().Layers, Parse(BeatsConfig.Parse, model.ConfigJson(ModelComponent.Beats)).Layers);

        // One in the place of the other is said in those words.
        AudioTokenException refusal = Assert.Throws<WeightFileException>(() => Open(new ModelRequest { Beats = embedder }));
        Assert.Equal((4711, "b.safetensors: the file holds Embedder, wanted Beats."), (refusal.Code, refusal.Message));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private GatheredModel Open(ModelRequest request) => GatheredModel.Open(request, new HubCache(Path.Combine(_folder, "no-cache")));

    private static IEnumerable<WeightSource> Sources(IReadOnlyDictionary<string, Shape> table)
    {
        Marked marked = new(table);
        return table.Keys.Select(name => marked.Find(name)!);
    }

    private static float First(WeightSource source, long start = 0)
    {
        float[] one = new float[1];
        source.Read(start, one);
        return one[0];
    }

    private static T Parse<T>(Func<JsonElement, T> parse, string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return parse(document.RootElement);
    }

    private static void WriteConfigs(string folder, bool second)
    {
        void Write(string path, string json)
        {
            Directory.CreateDirectory(Path.Combine(folder, Path.GetDirectoryName(path)!));
            File.WriteAllText(Path.Combine(folder, path), json);
        }

        Write("model_index.json", "{}");
        Write("scheduler/scheduler_config.json", """{"_class_name": "PNDMScheduler"}""");
        Write("vae/config.json", "{}");
        Write("unet/config.json", second ? """{"cross_attention_dim": 1024, "attention_head_dim": [5, 10, 20, 20]}""" : """{"cross_attention_dim": 768}""");
        Write("text_encoder/config.json", second ? """{"hidden_size": 1024, "num_hidden_layers": 23}""" : """{"hidden_size": 768}""");
    }

    // Header and marks only: the rest is a hole in the file.
    private static void WriteSparse(string path, IEnumerable<WeightSource> sources)
    {
        WeightSource[] tensors = [.. sources];
        StringBuilder header = new("{");
        long at = 0;
        foreach (WeightSource tensor in tensors)
        {
            long bytes = tensor.Shape.Count * 2;
            header.Append(header.Length > 1 ? "," : "").Append($"\"{tensor.Name}\":{{\"dtype\":\"F16\",\"shape\":{tensor.Shape},\"data_offsets\":[{at},{at + bytes}]}}");
            at += bytes;
        }

        byte[] json = Encoding.UTF8.GetBytes(header.Append('}').ToString());
        using FileStream file = File.Create(path);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)json.Length);
        file.Write(length);
        file.Write(json);
        long data = file.Position;
        file.SetLength(data + at);
        Span<byte> mark = stackalloc byte[2];
        foreach (WeightSource tensor in tensors)
        {
            // A packed tensor has the marks of its thirds.
            long step = tensor.Name.Contains("in_proj", StringComparison.Ordinal) ? tensor.Shape.Count / 3 : tensor.Shape.Count;
            for (long start = 0; start < tensor.Shape.Count; start += step)
            {
                file.Position = data + start * 2;
                BinaryPrimitives.WriteHalfLittleEndian(mark, (Half)First(tensor, start));
                file.Write(mark);
            }

            data += tensor.Shape.Count * 2;
        }
    }

    /// <summary>Zeros, but for a first element that is the tensor's number; numbers up to 2048 are exact in half precision.</summary>
    private sealed class Marked(IReadOnlyDictionary<string, Shape> table) : TensorCollection
    {
        private readonly Dictionary<string, int> _numbers = table.Keys.Select((name, i) => (name, i)).ToDictionary(pair => pair.name, pair => pair.i + 1);

        public override string Description => "marks";

        public override IEnumerable<string> Names => table.Keys;

        public override WeightSource? Find(string name) => table.TryGetValue(name, out Shape shape) ? new Mark(name, shape, _numbers[name]) : null;
    }

    private sealed class Mark(string name, Shape shape, int number) : WeightSource(name, shape, DType.F16)
    {
        public override void Read(long start, Span<float> destination)
        {
            destination.Clear();
            if (start == 0 && destination.Length > 0)
                destination[0] = number;
        }
    }
}
