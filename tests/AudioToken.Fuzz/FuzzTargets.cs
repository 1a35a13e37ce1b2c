using System.Text;
using System.Text.Json;
using AudioToken.Models.Beats;
using AudioToken.Models.Clip;
using AudioToken.Models.Unet;
using AudioToken.Models.Vae;
using AudioToken.Sampling;
using AudioToken.Tensors;
using AudioToken.Weights;
using AudioToken.WeightsConverter;
using AudioToken.WeightsConverter.PyTorch;

namespace AudioToken.Fuzz;

/// <summary>Everything that reads files of strangers.</summary>
public static class FuzzTargets
{
    // Parts of one input that stand for several files.
    private const byte Divider = 0xFF;

    /// <summary>The targets.</summary>
    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        new("safetensors", SeedCorpus.Safetensors, (input, folder) => ReadAll(SafetensorsFile.Open(Write(folder, "x.safetensors", input)))),
        new("torch", SeedCorpus.Torch, (input, folder) => ReadAll(PyTorchFile.Open(Write(folder, "x.pt", input)))),
        new("pickle", SeedCorpus.Pickle, (input, folder) => ReadAll(PyTorchFile.Open(Write(folder, "x.pt", SeedCorpus.ZipAround(input))))),
        new("checkpoint", SeedCorpus.Checkpoints, (input, folder) => ReadAll(CheckpointFile.Open(Write(folder, "x", input)))),
        new("config", SeedCorpus.Configs, ReadConfigs),
        new("index", SeedCorpus.Indices, ReadIndex),
        new("tokenizer", SeedCorpus.Tokenizers, ReadTokenizer),
    ];

    private static string Write(string folder, string name, byte[] content)
    {
        string path = Path.Combine(folder, name);
        File.WriteAllBytes(path, content);
        return path;
    }

    private static void ReadAll(TensorCollection file)
    {
        using (file)
        {
            Dictionary<string, IReadOnlyList<long>> shapes = [];
            float[] values = new float[4096];
            foreach (string name in file.Names)
            {
                WeightSource source;
                try
                {
                    source = file.Find(name)!;
                }
                catch (AudioTokenException)
                {
                    continue; // of a type that is listed only
                }

                shapes[name] = [.. Enumerable.Range(0, source.Shape.Rank).Select(axis => (long)source.Shape[axis])];
                int count = (int)Math.Min(values.Length, source.Shape.Count);
                source.Read(0, values.AsSpan(0, count));
                source.Read(source.Shape.Count - count, values.AsSpan(0, count));
            }

            _ = CheckpointArchitecture.Describe(shapes);
            foreach (string value in file.Metadata.Values.Where(_ => file is PyTorchFile))
                JsonDocument.Parse(value).Dispose(); // what it calls JSON is JSON
        }
    }

    // An index beside the two shards that the seed names.
    private static void ReadIndex(byte[] input, string folder)
    {
        foreach ((string name, byte[] shard) in SeedCorpus.Shards.Where(shard => !File.Exists(Path.Combine(folder, shard.Key))))
            Write(folder, name, shard);
        ReadAll(ShardedTensors.Open(Write(folder, "x.safetensors.index.json", input)));
    }

    // The same text as each of the configurations: each reader says for itself what is wrong with it.
    private static void ReadConfigs(byte[] input, string folder)
    {
        foreach (string part in (string[])["unet", "vae", "text_encoder", "scheduler"])
            Write(Directory.CreateDirectory(Path.Combine(folder, part)).FullName, part == "scheduler" ? "scheduler_config.json" : "config.json", input);
        Write(folder, "model_index.json", "{}"u8.ToArray());
        using DiffusersFolder model = DiffusersFolder.Open(folder);
        AudioTokenException? refusal = null;
        Try(() => SchedulerConfig.Parse(model.SchedulerConfigJson));
        Try(() => Parse(ModelComponent.Unet, UnetConfig.Parse));
        Try(() => Parse(ModelComponent.Vae, VaeConfig.Parse));
        Try(() => Parse(ModelComponent.Text, ClipTextConfig.Parse));
        Try(() => Parse(ModelComponent.Unet, BeatsConfig.Parse));
        if (refusal is not null)
            throw refusal;

        T Parse<T>(ModelComponent component, Func<JsonElement, T> parse)
        {
            using JsonDocument json = JsonDocument.Parse(model.ConfigJson(component));
            return parse(json.RootElement);
        }

        void Try<T>(Func<T> read)
        {
            try
            {
                read();
            }
            catch (AudioTokenException exception)
            {
                refusal = exception;
            }
        }
    }

    // vocab.json, merges.txt and tokenizer_config.json, with a byte between them that UTF-8 does not have.
    private static void ReadTokenizer(byte[] input, string folder)
    {
        List<byte[]> parts = [];
        for (ReadOnlySpan<byte> rest = input; parts.Count < 3;)
        {
            int end = parts.Count < 2 ? rest.IndexOf(Divider) : -1;
            parts.Add(end < 0 ? rest.ToArray() : rest[..end].ToArray());
            rest = end < 0 ? [] : rest[(end + 1)..];
        }

        ClipTokenizer tokenizer = ClipTokenizer.Load(new TokenizerFiles("tokenizer", name => name switch
        {
            "vocab.json" => parts[0],
            "merges.txt" => parts[1],
            "tokenizer_config.json" => parts[2].Length > 0 ? parts[2] : null,
            _ => null,
        }));
        tokenizer.AddPlaceholder("<*>");
        _ = tokenizer.Decode(tokenizer.EncodePadded("a photo of <*>, größe " + Encoding.Latin1.GetString(input.AsSpan(0, Math.Min(input.Length, 40)))).Ids);
    }
}
