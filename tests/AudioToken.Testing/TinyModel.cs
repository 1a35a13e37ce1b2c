using System.Text.Json;
using AudioToken.Models.Beats;
using AudioToken.Models.Unet;
using AudioToken.Weights;

namespace AudioToken.Testing;

/// <summary>The small models of the recorded pipelines: goldens/tiny-hf (SD 1 like) and goldens/tiny-hf-sd2, with BEATs, embedder and
/// LoRA written from the weight formula into a folder of their own.</summary>
public sealed class TinyModel : IDisposable
{
    private const string BeatsJson = """
        {
          "input_patch_size": 16, "embed_dim": 16, "conv_bias": false, "encoder_layers": 12, "encoder_embed_dim": 32,
          "encoder_ffn_embed_dim": 64, "encoder_attention_heads": 4, "activation_fn": "gelu", "layer_norm_first": false, "deep_norm": true,
          "conv_pos": 128, "conv_pos_groups": 16, "relative_position_embedding": true, "num_buckets": 320, "max_distance": 800,
          "gru_rel_pos": true, "finetuned_model": true, "predictor_class": 10
        }
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("audiotoken-tiny-").FullName;

    /// <summary>Writes what the folders of the goldens lack.</summary>
    /// <param name="sd2">The SD 2 like model, else the SD 1 like one.</param>
    /// <param name="lora">With the LoRA (SD 1 only).</param>
    public TinyModel(bool sd2 = false, bool lora = false)
    {
        Leftovers.Sweep();
        string prefix = sd2 ? "tinyhf2/" : "tinyhf/";
        ModelFolder = Goldens.PathOf(sd2 ? "tiny-hf-sd2" : "tiny-hf");
        using JsonDocument beatsJson = JsonDocument.Parse(BeatsJson);
        BeatsConfig beats = BeatsConfig.Parse(beatsJson.RootElement);
        Options = new ModelFilesOptions
        {
            BeatsPath = Write("beats", new FormulaCheckpoint(prefix + "beats/", CheckpointShapes.Beats(beats)), ("cfg", BeatsJson)),
            EmbedderPath = Write("embedder", new FormulaCheckpoint(prefix + "embedder/", CheckpointShapes.Embedder(beats.OutputWidth, sd2 ? 48 : 32))),
            LoraPath = lora ? Write("lora", new FormulaCheckpoint(prefix + "lora/", CheckpointShapes.Lora(ReadUnetConfig(ModelFolder), rank: 4))) : null,
        };
    }

    /// <summary>The folder in diffusers' layout.</summary>
    public string ModelFolder { get; }

    /// <summary>Where the other parts lie.</summary>
    public ModelFilesOptions Options { get; }

    /// <summary>Opens the whole model.</summary>
    public ModelFiles Open() => ModelFiles.Open(ModelFolder, Options);

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static UnetConfig ReadUnetConfig(string folder)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "unet", "config.json")));
        return UnetConfig.Parse(json.RootElement);
    }

    private string Write(string name, FormulaCheckpoint tensors, params (string Key, string Value)[] metadata)
    {
        SafetensorsWriter writer = new();
        foreach (string tensor in tensors.Names)
            writer.Add(tensors.Find(tensor)!);
        foreach ((string key, string value) in metadata)
            writer.SetMetadata(key, value);
        string path = Path.Combine(_folder, name + ".safetensors");
        writer.Save(path);
        return path;
    }
}
