using AudioToken.Tensors;

namespace AudioToken.Models.Layers;

/// <summary>One sample's feature map cut into strips of rows, each a tensor of its own, so that a layer's result can take its input's place strip by strip.</summary>
/// <remarks>The strips belong to the scope that was open when the map was cut; they are let go while it is the innermost.</remarks>
public sealed class FeatureStrips
{
    private readonly TensorScope _scope;
    private readonly Tensor[] _strips; // [1, rows, W, C] each

    private FeatureStrips(TensorScope scope, int count)
    {
        _scope = scope;
        _strips = new Tensor[count];
    }

    /// <summary>Number of strips.</summary>
    public int Count => _strips.Length;

    /// <summary>A strip, [1, rows, W, C].</summary>
    public Tensor this[int strip]
    {
        get => _strips[strip];
        set => _strips[strip] = value;
    }

    /// <summary>Copies a map into strips of about as many rows.</summary>
    /// <param name="ops">The operations of one backend.</param>
    /// <param name="scope">The innermost open scope; owns the strips.</param>
    /// <param name="map">[1, H, W, C]; stays the caller's.</param>
    /// <param name="count">Number of strips; a map of fewer rows has one a row.</param>
    /// <exception cref="ShapeException">There is more than one sample.</exception>
    public static FeatureStrips Cut(ITensorOps ops, TensorScope scope, Tensor map, int count)
    {
        if (map.Shape.Rank != 4 || map.Shape[0] != 1)
            throw new ShapeException($"A map {map.Shape} cannot be cut into strips, wanted [1, H, W, C]; give one sample at a time.");
        int rows = map.Shape[1];
        FeatureStrips strips = new(scope, Math.Min(count, rows));
        for (int i = 0; i < strips.Count; i++)
        {
            int start = (int)((long)rows * i / strips.Count), end = (int)((long)rows * (i + 1) / strips.Count);
            strips[i] = ops.WeightedSum([new WeightedTensor(Rows(map, start, end - start), 1)]);
        }

        return strips;
    }

    /// <summary>As many strips in the same scope, still absent.</summary>
    public FeatureStrips Next() => new(_scope, Count);

    /// <summary>A strip with the row above and the row below, where there are such: what 3x3 windows on it see.</summary>
    /// <returns>[1, rows + 0 to 2, W, C]; the strip itself where it has no neighbours, otherwise the innermost open scope owns it.</returns>
    public Tensor Region(ITensorOps ops, int strip)
    {
        Tensor own = _strips[strip];
        if (Count == 1)
            return own;
        bool above = strip > 0, below = strip < Count - 1;
        Tensor[] parts = [own];
        if (above)
            parts = [Rows(_strips[strip - 1], _strips[strip - 1].Shape[1] - 1, 1), .. parts];
        if (below)
            parts = [.. parts, Rows(_strips[strip + 1], 0, 1)];
        return Joined(ops, parts);
    }

    /// <summary>The strip's own rows of what was made of its <see cref="Region"/>.</summary>
    /// <param name="strip">Number of the strip.</param>
    /// <param name="result">[1, scale * rows of the region, W', C'].</param>
    /// <param name="scale">Rows made of one.</param>
    /// <returns>[1, scale * rows of the strip, W', C'], in the memory of <paramref name="result"/>.</returns>
    public Tensor Inner(int strip, Tensor result, int scale = 1) => Rows(result, strip > 0 ? scale : 0, scale * _strips[strip].Shape[1]);

    /// <summary>Lets go what is not needed any more once a strip's <see cref="Region"/> and all before it have been used.</summary>
    /// <remarks>Its memory goes back to the system: strips of other layers have other sizes, and what waits for one of its own would be as much as is saved.</remarks>
    public void Passed(ITensorOps ops, int strip)
    {
        if (strip > 0)
            _scope.Release(_strips[strip - 1]);
        if (strip == Count - 1)
            _scope.Release(_strips[strip]);
        ops.Trim();
    }

    /// <summary>The map in one piece, [1, H, W, C]; the innermost open scope owns it.</summary>
    public Tensor Join(ITensorOps ops) => Joined(ops, _strips);

    private static Tensor Joined(ITensorOps ops, Tensor[] parts)
    {
        Shape shape = parts[0].Shape;
        Tensor all = ops.Concat(Array.ConvertAll(parts, part => part.Reshape([1, checked((int)part.Shape.Count)])));
        return all.Reshape([1, parts.Sum(part => part.Shape[1]), shape[2], shape[3]]);
    }

    private static Tensor Rows(Tensor map, int start, int count) =>
        map.Reshape([map.Shape[1], map.Shape[2], map.Shape[3]]).Slice(start, count).Reshape([1, count, map.Shape[2], map.Shape[3]]);
}
