using System.Globalization;
using System.Runtime.InteropServices;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Pipelines;

/// <summary>How much a trace keeps.</summary>
public enum TraceLevel
{
    /// <summary>Each stage's result; nothing of the single UNet calls.</summary>
    Stage,

    /// <summary>Also the noise prediction and latents of every UNet call.</summary>
    All,
}

/// <summary>Collects the tensors of each stage of one generation, in PyTorch's layouts, so that they can be laid beside a PyTorch run.</summary>
public sealed class GenerationTrace
{
    private readonly Dictionary<string, (Shape Shape, DType DType, byte[] Bytes)> _tensors = [];

    /// <summary>Starts an empty trace.</summary>
    public GenerationTrace(TraceLevel level) => Level = level;

    /// <summary>How much is kept.</summary>
    public TraceLevel Level { get; }

    /// <summary>Names of the tensors kept so far.</summary>
    public IEnumerable<string> Names => _tensors.Keys;

    /// <summary>A float tensor kept so far.</summary>
    /// <exception cref="KeyNotFoundException">No tensor of that name was kept.</exception>
    public (Shape Shape, float[] Values) this[string name]
    {
        get
        {
            (Shape shape, DType dtype, byte[] bytes) = _tensors[name];
            return dtype == DType.F32
                ? (shape, MemoryMarshal.Cast<byte, float>(bytes).ToArray())
                : throw new ArgumentException($"'{name}' holds {dtype}, not F32.", nameof(name));
        }
    }

    /// <summary>Token ids or timesteps kept so far.</summary>
    /// <exception cref="KeyNotFoundException">No tensor of that name was kept.</exception>
    public long[] Ids(string name)
    {
        (_, DType dtype, byte[] bytes) = _tensors[name];
        return dtype == DType.I64
            ? MemoryMarshal.Cast<byte, long>(bytes).ToArray()
            : throw new ArgumentException($"'{name}' holds {dtype}, not I64.", nameof(name));
    }

    /// <summary>Writes what was kept as a safetensors file; an old file stays until the new one is whole.</summary>
    /// <exception cref="AudioTokenException">The file cannot be written.</exception>
    public void Save(string path)
    {
        SafetensorsWriter writer = new();
        foreach ((string name, (Shape shape, DType dtype, byte[] bytes)) in _tensors)
            writer.Add(name, shape, dtype, bytes);
        writer.Save(path);
    }

    internal void Add(string name, Shape shape, ReadOnlySpan<float> values) =>
        _tensors[name] = (shape, DType.F32, MemoryMarshal.AsBytes(values).ToArray());

    internal void Add(string name, Shape shape, ReadOnlySpan<long> values) =>
        _tensors[name] = (shape, DType.I64, MemoryMarshal.AsBytes(values).ToArray());

    // The first sound's tensors have the plain names; a second one's are 'audio_token.1' and so on.
    internal static string OfSound(string name, int index) => index == 0 ? name : Numbered(name, index);

    internal static string Numbered(string name, int index) => string.Create(CultureInfo.InvariantCulture, $"{name}.{index}");
}
