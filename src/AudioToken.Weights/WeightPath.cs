using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>A place in a checkpoint's tree of names, e.g. <c>down_blocks.0.resnets.1</c>; models walk it segment by segment.</summary>
public readonly struct WeightPath
{
    private readonly WeightStore _store;

    internal WeightPath(WeightStore store, string name)
    {
        _store = store;
        Name = name;
    }

    /// <summary>The path so far, without a trailing dot; empty for the root.</summary>
    public string Name { get; }

    /// <summary>One segment deeper.</summary>
    public static WeightPath operator /(WeightPath path, string segment) => new(path._store, path.Full(segment));

    /// <summary>One numbered segment deeper.</summary>
    public static WeightPath operator /(WeightPath path, int index) => path / index.ToString(CultureInfo.InvariantCulture);

    /// <summary>One segment deeper, in words.</summary>
    public static WeightPath Divide(WeightPath path, string segment) => path / segment;

    /// <summary>True if a tensor of that name is there.</summary>
    public bool Has(string name) => _store.Contains(Full(name));

    /// <summary>Loads a tensor for a role. Its shape in the file must be <paramref name="shape"/> or one of <paramref name="alternatives"/>
    /// that hold the same numbers in the same order (e.g. [C, C, 1, 1] for [C, C]).</summary>
    public Weight Load(string name, WeightRole role, Shape shape, params ReadOnlySpan<Shape> alternatives) =>
        _store.Load(Stored(name, shape, alternatives), role);

    /// <summary>Loads a tensor computed from others.</summary>
    public Weight Load(WeightSource source, WeightRole role) => _store.Load(source, role);

    /// <summary>Tells the backend of two layers, whose tensors are loaded, that will be asked for as one.</summary>
    public void Prepare(in LinearChain chain) => _store.Prepare(chain);

    /// <summary>The tensor as it stands in the file, for computing with it at load time; under <paramref name="shape"/> whatever
    /// alternative the file has.</summary>
    public WeightSource Source(string name, Shape shape, params ReadOnlySpan<Shape> alternatives) =>
        _store.Checked(Stored(name, shape, alternatives));

    /// <summary>Accepts whatever lies under this segment without using it (e.g. a classifier head).</summary>
    public void Ignore(string segment) => _store.Ignore(Full(segment));

    /// <inheritdoc/>
    public override string ToString() => Name;

    private WeightSource Stored(string name, Shape shape, ReadOnlySpan<Shape> alternatives)
    {
        foreach (Shape alternative in alternatives)
        {
            if (alternative.Count != shape.Count)
                throw new ShapeException($"{Full(name)}: {alternative} and {shape} do not hold the same numbers.");
        }

        WeightSource source = _store.Source(Full(name), [shape, .. alternatives]);
        return source.Shape == shape ? source : new ReshapedSource(source, shape);
    }

    private string Full(string segment) => Name.Length == 0 ? segment : $"{Name}.{segment}";

    private sealed class ReshapedSource(WeightSource inner, Shape shape) : WeightSource(inner.Name, shape, inner.DType)
    {
        public override void Read(long start, Span<float> destination) => inner.Read(start, destination);

        public override bool TryReadHalves(long start, Span<ushort> destination) => inner.TryReadHalves(start, destination);
    }
}
