namespace AudioToken.Tensors;

/// <summary>What a parameter is used for; a backend lays it out accordingly.</summary>
public enum WeightRole
{
    /// <summary>One value a channel: biases, norm scales, gate scales. [C], or any shape of which one extent is not 1.</summary>
    Vector,

    /// <summary>Right-hand side of <see cref="ITensorOps.Linear"/>: [out, in].</summary>
    Linear,

    /// <summary>Kernel of <see cref="ITensorOps.Conv2d"/>: [out, in, kh, kw] as in files.</summary>
    Conv2d,

    /// <summary>The same of one whose input is enlarged to twice its sides: [out, in, 3, 3]. A backend may prepare itself for that; any other use stays open.</summary>
    DoublingConv2d,

    /// <summary>Kernel of <see cref="ITensorOps.GroupedConv1d"/>: [out, in / groups, k] as in files.</summary>
    GroupedConv1d,

    /// <summary>Rows to be looked up: [rows, width].</summary>
    Table,
}

/// <summary>A parameter as it stands in a file: name, shape, type and a way to read it. Reading does not depend on order, and any number of threads may read at once.</summary>
public abstract class WeightSource
{
    /// <summary>Describes one tensor.</summary>
    protected WeightSource(string name, Shape shape, DType dtype)
    {
        Name = name;
        Shape = shape;
        DType = dtype;
    }

    /// <summary>Full name in the checkpoint.</summary>
    public string Name { get; }

    /// <summary>Extents as in the file.</summary>
    public Shape Shape { get; }

    /// <summary>Element type in the file.</summary>
    public DType DType { get; }

    /// <summary>Reads elements from <paramref name="start"/> (flat, row-major) on, widened to float.</summary>
    /// <exception cref="AudioTokenException">The file is shorter than it was, or holds NaN or infinity.</exception>
    public abstract void Read(long start, Span<float> destination);

    /// <summary>Reads elements of an F16 or BF16 source as they are stored, which saves who keeps them so the way through float and back.</summary>
    /// <returns>False, and nothing read, where the source does not hold its elements in that form.</returns>
    /// <exception cref="AudioTokenException">As of <see cref="Read"/>.</exception>
    public virtual bool TryReadHalves(long start, Span<ushort> destination) => false;

    /// <summary>Reads all elements.</summary>
    public float[] ReadAll()
    {
        float[] values = new float[Shape.Count];
        Read(0, values);
        return values;
    }
}

/// <summary>Values in memory in the form of a <see cref="WeightSource"/>: what is computed at load time, such as a folded weight norm.</summary>
public sealed class ArrayWeightSource : WeightSource
{
    private readonly float[] _values;

    /// <summary>Wraps an array without copying it.</summary>
    /// <exception cref="ShapeException">Count and shape differ.</exception>
    public ArrayWeightSource(string name, Shape shape, float[] values)
        : base(name, shape, DType.F32)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (values.LongLength != shape.Count)
            throw new ShapeException($"{name}: {values.LongLength} values for shape {shape}.");
        _values = values;
    }

    /// <inheritdoc/>
    public override void Read(long start, Span<float> destination) => _values.AsSpan(checked((int)start), destination.Length).CopyTo(destination);
}

/// <summary>A parameter in the form in which one backend wants it, for the life of the model that loaded it.</summary>
public abstract class Weight : IDisposable
{
    /// <summary>Describes one parameter.</summary>
    protected Weight(string name, Shape shape, WeightRole role)
    {
        Name = name;
        Shape = shape;
        Role = role == WeightRole.DoublingConv2d ? WeightRole.Conv2d : role;
    }

    /// <summary>Full name in the checkpoint.</summary>
    public string Name { get; }

    /// <summary>Extents, as in the file.</summary>
    public Shape Shape { get; }

    /// <summary>What it is used for; of one loaded as <see cref="WeightRole.DoublingConv2d"/>, <see cref="WeightRole.Conv2d"/>.</summary>
    public WeightRole Role { get; }

    /// <summary>Frees the backend's memory; using the weight afterwards is an error.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees the backend's memory.</summary>
    protected abstract void Dispose(bool disposing);
}
