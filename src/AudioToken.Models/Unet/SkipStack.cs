using AudioToken.Tensors;

namespace AudioToken.Models.Unet;

/// <summary>Feature maps of the way down that wait for the layers opposite them. One a model, used again by every call.</summary>
internal sealed class SkipStack(int capacity)
{
    private readonly Tensor[] _maps = new Tensor[capacity];
    private int _count;

    /// <summary>Forgets what an earlier call left (one that failed).</summary>
    public void Clear() => _count = 0;

    public Tensor Push(Tensor map) => _maps[_count++] = map;

    public Tensor Pop() => _maps[--_count];

    /// <summary>The shape of the map that comes next.</summary>
    public Shape PeekShape() => _maps[_count - 1].Shape;
}
