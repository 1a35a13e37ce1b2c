using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace AudioToken.Backends.Cpu;

/// <summary>The input gradient of a 3x3 convolution of a doubled map (<see cref="Doubling"/>): 4x4 windows of the result's gradient, two pixels apart, whose taps are
/// sums of one, two or four of the turned weight's: a pixel of the source is seen by four pixels, each through three taps. A panel a part.</summary>
/// <param name="turned">Panels of [9 taps, last first][out][width].</param>
/// <param name="summed">Receives panels of [16 taps][out][width].</param>
/// <param name="from">The first's layout.</param>
/// <param name="to">The second's.</param>
internal readonly unsafe struct HalvingTaps(float* turned, float* summed, PackedShape from, PackedShape to) : IParallelBody
{
    /// <summary>Rows and columns of a window.</summary>
    public const int Side = 4;

    private readonly float* _turned = turned, _summed = summed;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        int block = checked(to.Depth / (Side * Side) * to.Vectors(index) * to.VectorWidth);
        float* taps = _turned + from.PanelOffset(index), result = _summed + to.PanelOffset(index);
        for (int tap = 0; tap < Side * Side; tap++, result += block)
        {
            // Of four neighbours in a line the first sees the source through the first tap, the second through the first two, and so on.
            (int y, int x) = Math.DivRem(tap, Side);
            Span<float> sum = new(result, block);
            sum.Clear();
            for (int i = Math.Max(0, y - 1); i <= Math.Min(2, y); i++)
            {
                for (int j = Math.Max(0, x - 1); j <= Math.Min(2, x); j++)
                    TensorPrimitives.Add(sum, new ReadOnlySpan<float>(taps + (long)(3 * i + j) * block, block), sum);
            }
        }
    }
}
