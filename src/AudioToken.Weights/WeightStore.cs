using System.Text;
using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>Loads the parameters of one model onto one backend, strictly, and owns them afterwards.</summary>
/// <remarks>
/// A model's constructor asks for its tensors by <see cref="WeightPath"/>. What is missing or misshapen is noted and stood in for, so that
/// <see cref="Complete"/> can report everything at once, together with what the checkpoint holds and nobody asked for.
/// </remarks>
public sealed class WeightStore : IDisposable
{
    private readonly ITensorOps _ops;
    private readonly TensorCollection _tensors;
    private readonly List<Weight> _weights = [];
    private readonly HashSet<string> _used = [];
    private readonly List<string> _ignoredPrefixes = [];
    private readonly List<string> _missing = [];
    private readonly List<string> _misshapen = [];

    /// <summary>Starts loading from a collection; the collection stays the caller's.</summary>
    public WeightStore(ITensorOps ops, TensorCollection tensors)
    {
        _ops = ops;
        _tensors = tensors;
    }

    /// <summary>The path that stands for the whole collection.</summary>
    public WeightPath Root => new(this, "");

    /// <summary>Ends loading: everything asked for was there, everything there was asked for.</summary>
    /// <exception cref="WeightException">One report of all missing, misshapen and unused tensors.</exception>
    public void Complete()
    {
        List<string> unused = [.. _tensors.Names.Where(name =>
            !_used.Contains(name) && !_ignoredPrefixes.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal)))];
        if (_missing.Count + _misshapen.Count + unused.Count > 0)
            throw new WeightException(_tensors.Description, _missing, _misshapen, unused);
    }

    /// <summary>Frees all parameters.</summary>
    public void Dispose()
    {
        foreach (Weight weight in _weights)
            weight.Dispose();
        _weights.Clear();
    }

    internal bool Contains(string name) => _tensors.Find(name) is not null;

    internal void Ignore(string prefix) => _ignoredPrefixes.Add(prefix);

    /// <summary>The source under that name if its shape is one of those wanted; otherwise the fault is noted and a stand-in of zeros returned.</summary>
    internal WeightSource Source(string name, ReadOnlySpan<Shape> wanted)
    {
        _used.Add(name);
        if (_tensors.Find(name) is not { } source)
        {
            _missing.Add($"'{name}' {wanted[0]}");
        }
        else if (!wanted.Contains(source.Shape))
        {
            _misshapen.Add($"'{name}' is {source.DType} {source.Shape}, wanted {wanted[0]}");
        }
        else if (!source.DType.IsFloat())
        {
            _misshapen.Add($"'{name}' is {source.DType} {source.Shape}, wanted F32, F16 or BF16 {wanted[0]}");
        }
        else
        {
            return source;
        }

        return new MissingSource(name, wanted[0]);
    }

    internal Weight Load(WeightSource source, WeightRole role)
    {
        // After a fault nothing will run: what follows is only checked, not read.
        Weight weight = _missing.Count + _misshapen.Count > 0 ? new MissingWeight(source.Name, source.Shape, role) : _ops.LoadWeight(source, role);
        _weights.Add(weight);
        return weight;
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

/// <summary>A checkpoint does not hold the tensors that a model needs.</summary>
public sealed class WeightException : AudioTokenException
{
    private const int ShownOfEach = 12;

    /// <summary>Makes one report of all faults.</summary>
    public WeightException(string checkpoint, IReadOnlyList<string> missing, IReadOnlyList<string> misshapen, IReadOnlyList<string> unused)
        : base(4103, Report(checkpoint, missing, misshapen, unused), "'audiotoken inspect FILE --tensors' lists what a file holds.")
    {
        Missing = missing;
        Misshapen = misshapen;
        Unused = unused;
    }

    /// <summary>Tensors asked for and not found, with the shape wanted.</summary>
    public IReadOnlyList<string> Missing { get; }

    /// <summary>Tensors of another shape or type, with both.</summary>
    public IReadOnlyList<string> Misshapen { get; }

    /// <summary>Tensors that nobody asked for.</summary>
    public IReadOnlyList<string> Unused { get; }

    private static string Report(string checkpoint, IReadOnlyList<string> missing, IReadOnlyList<string> misshapen, IReadOnlyList<string> unused)
    {
        StringBuilder text = new();
        text.Append(checkpoint).Append(": the tensors do not fit the model: ")
            .Append(missing.Count).Append(" missing, ").Append(misshapen.Count).Append(" of another shape, ").Append(unused.Count).Append(" unused.");
        Append("missing", missing);
        Append("shape", misshapen);
        Append("unused", unused);
        return text.ToString();

        void Append(string label, IReadOnlyList<string> lines)
        {
            foreach (string line in lines.Take(ShownOfEach))
                text.Append("\n  ").Append(label).Append(": ").Append(line);
            if (lines.Count > ShownOfEach)
                text.Append("\n  ").Append(label).Append(": … and ").Append(lines.Count - ShownOfEach).Append(" more");
        }
    }
}
