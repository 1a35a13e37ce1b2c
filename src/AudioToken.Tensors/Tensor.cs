namespace AudioToken.Tensors;

/// <summary>A piece of one backend's memory that tensors look at.</summary>
/// <remarks>Backends derive from it and hand the same object out again and again; <see cref="Generation"/> tells tensors
/// of an earlier use from those of the present one.</remarks>
public abstract class TensorStorage
{
    /// <summary>Where the memory is, e.g. <c>cpu</c> or <c>cuda:0</c>.</summary>
    public abstract string Device { get; }

    /// <summary>Grows whenever the memory is given back; tensors of an older generation are dead.</summary>
    public int Generation { get; private set; }

    /// <summary>Ends the life of every tensor that looks at this memory.</summary>
    protected void Retire() => Generation++;
}

/// <summary>Shape, element type and a place in one backend's memory; contiguous, row-major, channels last.</summary>
/// <remarks>A value that refers to memory it does not own: the scope that was open when it was made does
/// (<see cref="TensorScope"/>). Feature maps are [B, H, W, C], token sequences [B, L, C].
/// <c>default</c> is "no tensor" (<see cref="IsEmpty"/>).</remarks>
public readonly struct Tensor
{
    private readonly TensorStorage? _storage;
    private readonly int _generation;

    /// <summary>Looks at a storage from an element offset on.</summary>
    public Tensor(TensorStorage storage, Shape shape, DType dtype, long offset = 0)
    {
        ArgumentNullException.ThrowIfNull(storage);
        _storage = storage;
        _generation = storage.Generation;
        Shape = shape;
        DType = dtype;
        Offset = offset;
    }

    private Tensor(in Tensor source, Shape shape, long offset)
    {
        _storage = source._storage;
        _generation = source._generation;
        Shape = shape;
        DType = source.DType;
        Offset = offset;
    }

    /// <summary>Extents.</summary>
    public Shape Shape { get; }

    /// <summary>Element type.</summary>
    public DType DType { get; }

    /// <summary>First element within the storage, in elements.</summary>
    public long Offset { get; }

    /// <summary>True for <c>default</c>: no tensor at all.</summary>
    public bool IsEmpty => _storage is null;

    /// <summary>The memory looked at.</summary>
    /// <exception cref="ObjectDisposedException">The scope that owned the memory has closed.</exception>
    public TensorStorage Storage
    {
        get
        {
            if (_storage is null)
                throw new ShapeException("An absent tensor was used.");
            ObjectDisposedException.ThrowIf(_storage.Generation != _generation, typeof(Tensor));
            return _storage;
        }
    }

    /// <summary>The same elements in the same order under another shape; no copy.</summary>
    /// <exception cref="ShapeException">The counts differ.</exception>
    public Tensor Reshape(Shape shape) => shape.Count == Shape.Count
        ? new Tensor(this, shape, Offset)
        : throw new ShapeException($"Reshape: {Shape} has {Shape.Count} elements, {shape} wants {shape.Count}.");

    /// <summary>Rows <paramref name="start"/> to <paramref name="start"/> + <paramref name="count"/> of the outermost axis; no copy.</summary>
    /// <exception cref="ShapeException">The range leaves the tensor.</exception>
    public Tensor Slice(int start, int count)
    {
        if (Shape.Rank == 0 || start < 0 || count < 0 || start + count > Shape[0])
            throw new ShapeException($"Slice: rows {start} to {start + count} do not lie in {Shape}.");
        long stride = Shape[0] == 0 ? 0 : Shape.Count / Shape[0];
        return new Tensor(this, Shape.WithFirst(count), Offset + start * stride);
    }

    /// <summary>Type and shape, e.g. <c>F32 [1, 77, 768]</c>.</summary>
    public override string ToString() => IsEmpty ? "no tensor" : $"{DType} {Shape}";
}
