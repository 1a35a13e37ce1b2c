using System.Runtime.CompilerServices;

namespace AudioToken.Tensors;

/// <summary>Extents of a tensor, at most five, outermost first; prints as <c>[B, H, W, C]</c>.</summary>
/// <remarks>A value: it allocates nothing. <c>Shape s = [2, 64, 64, 320];</c> works.</remarks>
[CollectionBuilder(typeof(Shape), nameof(Create))]
public readonly struct Shape : IEquatable<Shape>
{
    /// <summary>The largest rank.</summary>
    public const int MaxRank = 5;

    private readonly Extents _extents;

    /// <summary>Makes a shape of the given extents.</summary>
    /// <exception cref="ShapeException">More than five extents, or a negative one.</exception>
    public Shape(params ReadOnlySpan<int> extents)
    {
        if (extents.Length > MaxRank)
            throw new ShapeException($"A shape has at most {MaxRank} extents, found {extents.Length}.");
        Rank = extents.Length;
        for (int i = 0; i < extents.Length; i++)
        {
            if (extents[i] < 0)
                throw new ShapeException($"Extent {i} is {extents[i]}; extents are not negative.");
            _extents[i] = extents[i];
        }
    }

    /// <summary>Number of extents; 0 for a scalar.</summary>
    public int Rank { get; }

    /// <summary>Number of elements: the product of the extents.</summary>
    public long Count
    {
        get
        {
            long count = 1;
            for (int i = 0; i < Rank; i++)
                count = checked(count * _extents[i]);
            return count;
        }
    }

    /// <summary>One extent; <c>shape[^1]</c> is the innermost.</summary>
    public int this[int axis] => (uint)axis < (uint)Rank
        ? _extents[axis]
        : throw new ShapeException($"{this} has no axis {axis}.");

    /// <summary>Number of extents, so that <c>^1</c> counts from the end.</summary>
    public int Length => Rank;

    /// <summary>The same extents with the innermost replaced.</summary>
    public Shape WithLast(int extent) => With(Rank - 1, extent);

    /// <summary>The same extents with the outermost replaced.</summary>
    public Shape WithFirst(int extent) => With(0, extent);

    /// <summary>Rows of the tensor seen as a matrix whose columns are the innermost extent.</summary>
    public long Rows => Rank == 0 ? 1 : this[^1] == 0 ? 0 : Count / this[^1];

    /// <summary>Used by collection expressions.</summary>
    public static Shape Create(ReadOnlySpan<int> extents) => new(extents);

    /// <summary>Enumerates the extents.</summary>
    public IEnumerator<int> GetEnumerator()
    {
        for (int i = 0; i < Rank; i++)
            yield return this[i];
    }

    /// <inheritdoc/>
    public bool Equals(Shape other)
    {
        if (Rank != other.Rank)
            return false;
        for (int i = 0; i < Rank; i++)
        {
            if (_extents[i] != other._extents[i])
                return false;
        }

        return true;
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        HashCode hash = default;
        for (int i = 0; i < Rank; i++)
            hash.Add(_extents[i]);
        return hash.ToHashCode();
    }

    /// <summary>Equal ranks and extents.</summary>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>Different ranks or extents.</summary>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    /// <summary>The extents in brackets, e.g. <c>[1, 77, 768]</c>.</summary>
    public override string ToString()
    {
        string[] parts = new string[Rank];
        for (int i = 0; i < Rank; i++)
            parts[i] = _extents[i].ToString(System.Globalization.CultureInfo.InvariantCulture);
        return $"[{string.Join(", ", parts)}]";
    }

    private Shape With(int axis, int extent)
    {
        Span<int> extents = stackalloc int[MaxRank];
        for (int i = 0; i < Rank; i++)
            extents[i] = _extents[i];
        extents[axis] = extent;
        return new Shape(extents[..Rank]);
    }

    [InlineArray(MaxRank)]
    private struct Extents
    {
        private int _first;
    }
}
