using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.WeightsConverter.Layouts;

/// <summary>One component of a foreign checkpoint, under the names and shapes of our layout.</summary>
internal sealed class MappedCheckpoint : TensorCollection
{
    private const int Shown = 12;

    private readonly TensorCollection _file;
    private readonly Dictionary<string, Func<string, WeightSource?>> _tensors = new(StringComparer.Ordinal);
    private readonly List<string> _unknown = [];
    private readonly bool _leaveOpen;

    /// <param name="file">The checkpoint.</param>
    /// <param name="description">What to call the component in messages.</param>
    /// <param name="leaveOpen">False: disposing of this disposes of the file.</param>
    public MappedCheckpoint(TensorCollection file, string description, bool leaveOpen)
    {
        _file = file;
        _leaveOpen = leaveOpen;
        Description = description;
    }

    /// <inheritdoc/>
    public override string Description { get; }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Metadata => _file.Metadata;

    /// <inheritdoc/>
    public override IEnumerable<string> Names => _tensors.Keys;

    /// <summary>Shows a tensor under another name, as it is.</summary>
    public void Add(string name, string inFile) => Add(name, inFile, (shown, source) => ReshapedSource.Of(source, shown, source.Shape));

    /// <summary>Shows a tensor under another name and changed.</summary>
    /// <exception cref="WeightFileException">Two tensors would have one name.</exception>
    public void Add(string name, string inFile, Func<string, WeightSource, WeightSource> change)
    {
        if (!_tensors.TryAdd(name, shown => _file.Find(inFile) is { } source ? change(shown, source) : null))
            throw new WeightFileException(ErrorCode.Layout, Description, $"two tensors would be called '{name}', one of them '{inFile}'.", "Damaged, or of a layout that is not known here.");
    }

    /// <summary>Notes a tensor that the layout does not know.</summary>
    public void AddUnknown(string inFile) => _unknown.Add(inFile);

    /// <exception cref="WeightFileException">There were tensors that the layout does not know.</exception>
    public MappedCheckpoint Complete()
    {
        if (_unknown.Count == 0)
            return this;
        string lines = string.Join("", _unknown.Order(StringComparer.Ordinal).Take(Shown).Select(name => $"\n  '{PrintableName.Of(name)}'"));
        string more = _unknown.Count > Shown ? $"\n  … and {_unknown.Count - Shown} more" : "";
        throw new WeightFileException(ErrorCode.Layout, Description, $"{_unknown.Count} tensors have no place in Stable Diffusion 1.x or 2.x:{lines}{more}",
            "A model of another family (SDXL, inpainting with extra parts, ControlNet)? Only text-to-image models of 1.x and 2.x are converted.");
    }

    /// <inheritdoc/>
    public override WeightSource? Find(string name) => _tensors.TryGetValue(name, out Func<string, WeightSource?>? find) ? find(name) : null;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!_leaveOpen)
            _file.Dispose();
        base.Dispose(disposing);
    }
}
