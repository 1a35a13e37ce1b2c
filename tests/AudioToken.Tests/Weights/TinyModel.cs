using System.Text.Json;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Weights;

namespace AudioToken.Tests.Weights;

/// <summary>The small diffusers folder of the goldens, with BEATs, embedder and LoRA of formula weights as safetensors files beside it.</summary>
internal sealed class TinyModel : IDisposable
{
    public const string BeatsConfig = """{"encoder_layers":1,"input_patch_size":16}""";

    public TinyModel()
    {
        Folder.CopyFrom(Goldens.PathOf("tiny-hf"));
        foreach (string pickle in Directory.EnumerateFiles(Folder.Path, "*.bin", SearchOption.AllDirectories))
            File.Delete(pickle); // these tests are about safetensors
        Save("beats.safetensors", "tinyhf/beats/", BeatsShapes, writer => writer.SetMetadata("cfg", BeatsConfig));
        Save("embedder.safetensors", "tinyhf/embedder/", EmbedderShapes);
        Save("lora.safetensors", "tinyhf/lora/", LoraShapes);
    }

    /// <summary>A part of each checkpoint is enough here: these tests move tensors, they do not compute with them.</summary>
    public static Dictionary<string, Shape> BeatsShapes { get; } = new()
    {
        ["patch_embedding.weight"] = [16, 1, 16, 16],
        ["encoder.pos_conv.0.weight_g"] = [1, 1, 128],
        ["encoder.layers.0.self_attn.grep_a"] = [1, 4, 1, 1],
        ["encoder.layers.0.fc1.weight"] = [64, 32],
        ["layer_norm.bias"] = [16],
    };

    public static Dictionary<string, Shape> EmbedderShapes { get; } = new() { ["fc1.weight"] = [96, 96], ["fc1.bias"] = [96] };

    public static Dictionary<string, Shape> LoraShapes { get; } = new()
    {
        ["down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.down.weight"] = [4, 16],
        ["down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.up.weight"] = [16, 4],
    };

    public TemporaryFolder Folder { get; } = new();

    public DiffusersFolder Open(string? variant = null) => DiffusersFolder.Open(Folder.Path, new ModelFilesOptions { Variant = variant });

    public void Dispose() => Folder.Dispose();

    /// <summary>Equal text, whatever its layout.</summary>
    public static bool SameJson(string left, string right)
    {
        using JsonDocument first = JsonDocument.Parse(left), second = JsonDocument.Parse(right);
        return JsonElement.DeepEquals(first.RootElement, second.RootElement);
    }

    private void Save(string name, string prefix, Dictionary<string, Shape> shapes, Action<SafetensorsWriter>? also = null)
    {
        SafetensorsWriter writer = new();
        foreach ((string tensor, Shape shape) in shapes)
            writer.Add(WeightFormula.Source(prefix, tensor, shape));
        also?.Invoke(writer);
        writer.Save(Folder.PathOf(name));
    }
}
