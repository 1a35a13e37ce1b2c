using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>Another collection's tensors under other names, or some of them.</summary>
public sealed class RenamedTensors : TensorCollection
{
    private readonly TensorCollection _inner;
    private readonly Dictionary<string, string> _innerNames = [];
    private readonly bool _leaveOpen;

    /// <summary>Renames every tensor that <paramref name="rename"/> gives a name to, and leaves out the others.</summary>
    /// <param name="inner">The collection to look into.</param>
    /// <param name="description">What to call the result in messages.</param>
    /// <param name="rename">The name to show for a name of <paramref name="inner"/>; null leaves the tensor out.</param>
    /// <param name="leaveOpen">False: disposing of this disposes of <paramref name="inner"/>.</param>
    /// <exception cref="ArgumentException">Two tensors would get the same name.</exception>
    public RenamedTensors(TensorCollection inner, string description, Func<string, string?> rename, bool leaveOpen = false)
    {
        ArgumentNullException.ThrowIfNull(inner);
        ArgumentNullException.ThrowIfNull(rename);
        _inner = inner;
        _leaveOpen = leaveOpen;
        Description = description;
        foreach (string name in inner.Names)
        {
            if (rename(name) is { } shown && !_innerNames.TryAdd(shown, name))
                throw new ArgumentException($"{inner.Description}: '{name}' and '{_innerNames[shown]}' would both be called '{shown}'.", nameof(rename));
        }
    }

    /// <inheritdoc/>
    public override string Description { get; }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Metadata => _inner.Metadata;

    /// <inheritdoc/>
    public override IEnumerable<string> Names => _innerNames.Keys;

    /// <summary>The tensors under a prefix, without it: <c>unet.conv_in.weight</c> under <c>unet.</c> is <c>conv_in.weight</c>.</summary>
    public static RenamedTensors Under(TensorCollection inner, string prefix, bool leaveOpen = false)
    {
        ArgumentNullException.ThrowIfNull(inner);
        ArgumentException.ThrowIfNullOrEmpty(prefix);
        return new RenamedTensors(
            inner,
            $"{inner.Description} ({prefix}*)",
            name => name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : null,
            leaveOpen);
    }

    /// <inheritdoc/>
    public override WeightSource? Find(string name)
    {
        if (!_innerNames.TryGetValue(name, out string? innerName))
            return null;
        return _inner.Find(innerName) switch
        {
            null => null,
            StoredWeightSource stored => new RenamedStored(stored, name),
            WeightSource source => new Renamed(source, name),
        };
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!_leaveOpen)
            _inner.Dispose();
        base.Dispose(disposing);
    }

    private sealed class Renamed(WeightSource inner, string name) : WeightSource(name, inner.Shape, inner.DType)
    {
        public override void Read(long start, Span<float> destination) => inner.Read(start, destination);

        public override bool TryReadHalves(long start, Span<ushort> destination) => inner.TryReadHalves(start, destination);
    }

    private sealed class RenamedStored(StoredWeightSource inner, string name) : StoredWeightSource(name, inner.Shape, inner.DType)
    {
        public override void Read(long start, Span<float> destination) => inner.Read(start, destination);

        public override void ReadBytes(long start, Span<byte> destination) => inner.ReadBytes(start, destination);
    }
}
