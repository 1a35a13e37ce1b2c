using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AudioToken.Audio;
using AudioToken.Models.Beats;
using AudioToken.Models.Vae;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Training.Data;

/// <summary>What the frozen encoders say of samples, kept on disk: audio features of a window, and mean and deviation of a picture's latents.</summary>
/// <remarks>An entry's name is the hash of the file's bytes, the model and the settings: a changed file or model finds nothing old. Entries are written
/// whole or not at all, and read strictly; a damaged one is made again.</remarks>
public sealed class SampleCache : IDisposable
{
    // Entries kept in memory too, the first that come: 1 GiB. Small data never touches the disk twice.
    private const long MostFloats = 256 << 20;

    private readonly ModelFiles _files;
    private readonly ITensorOps _ops;
    private readonly string _folder;
    private readonly string _model;
    private readonly Dictionary<string, string> _hashes = [];
    private readonly Dictionary<string, Dictionary<string, (float[] Values, Shape Shape)>> _held = [];
    private long _heldFloats;
    private BeatsEncoder? _beats;
    private VaeEncoder? _vae;

    /// <summary>Opens a cache; the encoders are loaded when something is missing from it.</summary>
    /// <param name="files">The model whose encoders are used; must outlive the cache.</param>
    /// <param name="ops">The backend.</param>
    /// <param name="folder">Where entries lie; made if absent.</param>
    /// <param name="width">Width of the pictures in pixels.</param>
    /// <param name="height">Height of the pictures in pixels.</param>
    /// <param name="seconds">Length of the windows of sound.</param>
    public SampleCache(ModelFiles files, ITensorOps ops, string folder, int width, int height, int seconds)
    {
        ArgumentNullException.ThrowIfNull(files);
        (_files, _ops, _folder, Width, Height, Seconds) = (files, ops, folder, width, height, seconds);
        _model = files.ContentHash;
        Directory.CreateDirectory(folder);
        using JsonDocument json = JsonDocument.Parse(files.ConfigJson(ModelComponent.Vae));
        VaeConfig = VaeConfig.Parse(json.RootElement);
    }

    /// <summary>Width of the pictures in pixels.</summary>
    public int Width { get; }

    /// <summary>Height of the pictures in pixels.</summary>
    public int Height { get; }

    /// <summary>Length of a window of sound.</summary>
    public int Seconds { get; }

    /// <summary>The autoencoder's architecture.</summary>
    public VaeConfig VaeConfig { get; }

    /// <summary>Windows of a clip of ten seconds that begin at a whole second.</summary>
    public int Windows => WindowPolicy.Seconds - Seconds;

    /// <summary>Audio features of a window, [1, L, 3 D].</summary>
    /// <param name="path">The sound; shorter ones are repeated to ten seconds.</param>
    /// <param name="start">Second at which the window begins.</param>
    public (float[] Values, Shape Shape) Features(string path, int start)
    {
        string entry = Entry("features", path, string.Create(CultureInfo.InvariantCulture, $"{start}+{Seconds}"));
        if (Read(entry) is { } stored)
            return stored["features"];
        AudioClip clip = AudioClip.Load(path);
        float[] fbank = Fbank.Compute(clip.Samples.Span.Slice(start * AudioClip.SampleRateHz, Seconds * AudioClip.SampleRateHz));
        using TensorScope scope = _ops.Scope();
        Tensor features = Beats.Forward(_ops, _ops.Upload(fbank, [1, fbank.Length / Fbank.MelBins, Fbank.MelBins]));
        return Write(entry, ("features", _ops.Values(features), features.Shape))["features"];
    }

    /// <summary>Distribution of a picture's latents, before the diffusion's scale, [1, h, w, C] each.</summary>
    public (float[] Mean, float[] Deviation, Shape Shape) Latents(string path)
    {
        string entry = Entry("latents", path, string.Create(CultureInfo.InvariantCulture, $"{Width}x{Height}"));
        if (Read(entry) is not { } stored)
        {
            float[] pixels = PictureFile.Read(path, Width, Height);
            using TensorScope scope = _ops.Scope();
            Tensor moments = Vae.Forward(_ops, _ops.Upload(pixels, [1, Height, Width, 3]));
            DiagonalGaussian latents = new(_ops.Values(moments), VaeConfig.LatentChannels);
            Shape shape = moments.Shape.WithLast(VaeConfig.LatentChannels);
            stored = Write(entry, ("mean", latents.Mean.ToArray(), shape), ("deviation", latents.Deviation.ToArray(), shape));
        }

        return (stored["mean"].Values, stored["deviation"].Values, stored["mean"].Shape);
    }

    /// <summary>Frees the encoders.</summary>
    public void Dispose()
    {
        _beats?.Dispose();
        _vae?.Dispose();
    }

    private BeatsEncoder Beats => _beats ??= Load(ModelComponent.Beats, (tensors, json) => BeatsEncoder.Load(_ops, tensors, BeatsConfig.Parse(json)));

    private VaeEncoder Vae => _vae ??= Load(ModelComponent.Vae, (tensors, _) => VaeEncoder.Load(_ops, tensors, VaeConfig));

    private TModel Load<TModel>(ModelComponent component, Func<TensorCollection, JsonElement, TModel> load)
    {
        using JsonDocument json = JsonDocument.Parse(_files.ConfigJson(component));
        using TensorCollection tensors = _files.Open(component);
        return load(tensors, json.RootElement);
    }

    private string Entry(string what, string path, string settings)
    {
        if (!_hashes.TryGetValue(path, out string? content))
        {
            using FileStream stream = File.OpenRead(path);
            _hashes.Add(path, content = Convert.ToHexStringLower(SHA256.HashData(stream)));
        }

        string name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{what} {settings} {_model} {content}")));
        return Path.Combine(_folder, $"{what}-{name[..32]}.safetensors");
    }

    private Dictionary<string, (float[] Values, Shape Shape)>? Read(string entry)
    {
        if (_held.TryGetValue(entry, out Dictionary<string, (float[] Values, Shape Shape)>? held))
            return held;
        if (!File.Exists(entry))
            return null;
        try
        {
            using SafetensorsFile file = SafetensorsFile.Open(entry);
            return Hold(entry, file.Names.ToDictionary(name => name, name => (file.Find(name)!.ReadAll(), file.Find(name)!.Shape)));
        }
        catch (AudioTokenException)
        {
            return null; // damaged: made again
        }
    }

    private Dictionary<string, (float[] Values, Shape Shape)> Hold(string entry, Dictionary<string, (float[] Values, Shape Shape)> tensors)
    {
        long floats = tensors.Values.Sum(tensor => tensor.Values.LongLength);
        if (_heldFloats + floats <= MostFloats && _held.TryAdd(entry, tensors))
            _heldFloats += floats;
        return tensors;
    }

    private Dictionary<string, (float[] Values, Shape Shape)> Write(string entry, params ReadOnlySpan<(string Name, float[] Values, Shape Shape)> tensors)
    {
        SafetensorsWriter writer = new();
        Dictionary<string, (float[] Values, Shape Shape)> written = [];
        foreach ((string name, float[] values, Shape shape) in tensors)
        {
            writer.Add(name, shape, values);
            written.Add(name, (values, shape));
        }

        writer.Save(entry);
        return Hold(entry, written);
    }
}
