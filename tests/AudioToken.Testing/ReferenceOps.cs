using AudioToken.Tensors;

namespace AudioToken.Testing;

/// <summary>What every operation means: plain loops over doubles, nothing clever. Other backends are held to it.</summary>
public sealed partial class ReferenceOps : ITensorOps
{
    private readonly ScopeStack _scopes = new(storage => ((ReferenceStorage)storage).Free());

    /// <inheritdoc/>
    public string Device => "reference";

    /// <summary>Storages handed out and not yet back.</summary>
    public int LiveCount => _scopes.LiveCount;

    /// <inheritdoc/>
    public TensorScope Scope() => _scopes.Open();

    /// <inheritdoc/>
    public Tensor Upload(ReadOnlySpan<float> values, Shape shape)
    {
        (Tensor result, double[] y) = New(shape, values.Length);
        for (int i = 0; i < values.Length; i++)
            y[i] = values[i];
        return result;
    }

    /// <inheritdoc/>
    public Tensor Upload(ReadOnlySpan<int> values, Shape shape)
    {
        (Tensor result, double[] y) = New(shape, values.Length, DType.I32);
        for (int i = 0; i < values.Length; i++)
            y[i] = values[i];
        return result;
    }

    /// <summary>Copies values that need not be floats.</summary>
    public Tensor Upload(ReadOnlySpan<double> values, Shape shape)
    {
        (Tensor result, double[] y) = New(shape, values.Length);
        values.CopyTo(y);
        return result;
    }

    /// <inheritdoc/>
    public void Download(Tensor tensor, Span<float> destination)
    {
        ReadOnlySpan<double> values = Values(tensor);
        if (values.Length != destination.Length || tensor.DType == DType.I32)
            throw new ShapeException($"Download: {tensor} into {destination.Length} floats.");
        for (int i = 0; i < values.Length; i++)
            destination[i] = (float)values[i];
    }

    /// <summary>The values themselves, unrounded.</summary>
    public double[] Download(Tensor tensor) => Values(tensor).ToArray();

    /// <inheritdoc/>
    public Weight LoadWeight(WeightSource source, WeightRole role) =>
        new ReferenceWeight(source.Name, source.Shape, role, Array.ConvertAll(source.ReadAll(), value => (double)value));

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    // A copy of a tensor's values. Indices are exact in double.
    private static double[] Values(Tensor tensor) => tensor.Storage is ReferenceStorage storage
        ? storage.Values.AsSpan((int)tensor.Offset, (int)tensor.Shape.Count).ToArray()
        : throw new ShapeException($"The reference was given a tensor of {tensor.Storage.Device}.");

    private static double[] Values(Weight weight) => weight is ReferenceWeight reference
        ? reference.Values
        : throw new ShapeException($"The reference was given {weight.Name}, a weight of another backend.");

    private (Tensor Result, double[] Values) New(Shape shape, long count = -1, DType dtype = DType.F32)
    {
        if (count >= 0 && count != shape.Count)
            throw new ShapeException($"Upload: {count} values for shape {shape}.");
        ReferenceStorage storage = new(shape.Count);
        _scopes.Add(storage);
        return (new Tensor(storage, shape, dtype), storage.Values);
    }

    private sealed class ReferenceStorage(long count) : TensorStorage
    {
        public override string Device => "reference";

        public double[] Values { get; private set; } = new double[count];

        public void Free()
        {
            Retire();
            Values = [];
        }
    }

    private sealed class ReferenceWeight(string name, Shape shape, WeightRole role, double[] values) : Weight(name, shape, role)
    {
        private double[]? _values = values;

        public double[] Values
        {
            get
            {
                ObjectDisposedException.ThrowIf(_values is null, this);
                return _values;
            }
        }

        protected override void Dispose(bool disposing) => _values = null;
    }
}
