using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>Loads the parameters of one model onto one backend, strictly, and owns them afterwards.</summary>
/// <remarks>
/// A model's constructor asks for its tensors by <see cref="WeightPath"/>. What is missing or misshapen is noted and stood in for, so that
/// <see cref="Complete"/> can report everything at once, together with what the checkpoint holds and nobody asked for.
/// Values are checked as they are read: NaN or infinity ends the loading with the tensor's name.
/// </remarks>
public sealed class WeightStore : IDisposable
{
    private readonly ITensorOps _ops;
    private readonly TensorCollection _tensors;
    private readonly HashSet<string> _names;
    private readonly List<Weight> _weights = [];
    private readonly HashSet<string> _used = [];
    private readonly List<string> _ignored = [];
    private readonly List<string> _missing = [];
    private readonly List<string> _misshapen = [];
    private string? _familyHint;

    /// <summary>Starts loading from a collection; the collection stays the caller's.</summary>
    public WeightStore(ITensorOps ops, TensorCollection tensors)
    {
        ArgumentNullException.ThrowIfNull(ops);
        ArgumentNullException.ThrowIfNull(tensors);
        _ops = ops;
        _tensors = tensors;
        _names = [.. tensors.Names];
    }

    /// <summary>The path that stands for the whole collection.</summary>
    public WeightPath Root => new(this, "");

    /// <summary>Ends loading: everything asked for was there, everything there was asked for.</summary>
    /// <exception cref="WeightException">One report of all missing, misshapen and unused tensors.</exception>
    public void Complete()
    {
        List<string> unused = [.. _names.Order(StringComparer.Ordinal).Where(name =>
            !_used.Contains(name) && !_ignored.Any(path => IsUnder(name, path)))];
        if (_missing.Count + _misshapen.Count + unused.Count > 0)
            throw new WeightException(_tensors.Description, _missing, _misshapen, unused, _familyHint);
    }

    /// <summary>Frees all parameters.</summary>
    public void Dispose()
    {
        foreach (Weight weight in _weights)
            weight.Dispose();
        _weights.Clear();
    }

    internal bool Contains(string name) => _names.Contains(name);

    internal void Ignore(string path) => _ignored.Add(path);

    /// <summary>The source under that name if its shape is one of those wanted; otherwise the fault is noted and a stand-in of zeros returned.</summary>
    internal WeightSource Source(string name, ReadOnlySpan<Shape> wanted)
    {
        _used.Add(name);
        if (_tensors is DrawnTensors drawn)
            return drawn.Draw(name, wanted[0]);
        if (!_names.Contains(name))
        {
            _missing.Add($"'{name}' {wanted[0]}");
            return new MissingSource(name, wanted[0]);
        }

        WeightSource source;
        try
        {
            source = _tensors.Find(name)!;
        }
        catch (WeightFileException exception) when (exception.Code == ErrorCode.Unsupported)
        {
            _misshapen.Add($"{exception.Message} Wanted {wanted[0]}");
            return new MissingSource(name, wanted[0]);
        }

        if (wanted.Contains(source.Shape) && source.DType.IsFloat())
            return source;
        _misshapen.Add($"'{name}' is {source.DType} {source.Shape}, wanted {(source.DType.IsFloat() ? "" : "F32, F16 or BF16 ")}{wanted[0]}");
        _familyHint ??= FamilyHint(source.Shape, wanted[0]);
        return new MissingSource(name, wanted[0]);
    }

    internal Weight Load(WeightSource source, WeightRole role)
    {
        // After a fault nothing will run: what follows is only checked, not read.
        Weight weight = _missing.Count + _misshapen.Count > 0
            ? new MissingWeight(source.Name, source.Shape, role)
            : _ops.LoadWeight(Checked(source), role);
        _weights.Add(weight);
        return weight;
    }

    internal void Prepare(in LinearChain chain)
    {
        if (_missing.Count + _misshapen.Count == 0)
            _ops.Prepare(chain);
    }

    /// <summary>The same source, refusing NaN and infinity in this checkpoint's name.</summary>
    internal WeightSource Checked(WeightSource source) => source is MissingSource ? source : new FiniteWeightSource(source, _tensors.Description);

    private static bool IsUnder(string name, string path) =>
        name.StartsWith(path, StringComparison.Ordinal) && (name.Length == path.Length || name[path.Length] == '.');

    // The width of the text encoder tells the families apart, and runs through UNet, embedder and LoRA.
    private static string? FamilyHint(Shape found, Shape wanted)
    {
        const int sd1 = 768, sd2 = 1024;
        for (int i = 0; i < Math.Min(found.Rank, wanted.Rank); i++)
        {
            if ((found[i], wanted[i]) is (sd1, sd2) or (sd2, sd1))
            {
                return $"{found[i]} is the text width of Stable Diffusion {(found[i] == sd1 ? 1 : 2)}, {wanted[i]} that of Stable Diffusion "
                    + $"{(wanted[i] == sd1 ? 1 : 2)}: take the file of the same family as the rest of the model.";
            }
        }

        return null;
    }

    private sealed class MissingSource(string name, Shape shape) : WeightSource(name, shape, DType.F32)
    {
        public override void Read(long start, Span<float> destination) => destination.Clear();
    }

    private sealed class MissingWeight(string name, Shape shape, WeightRole role) : Weight(name, shape, role)
    {
        protected override void Dispose(bool disposing)
        {
        }
    }
}
