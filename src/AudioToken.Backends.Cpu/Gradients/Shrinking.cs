using AudioToken.Tensors;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace AudioToken.Backends.Cpu;

/// <summary>Sums the pixels that an enlargement by nearest neighbour made of one: its gradient. A row of the small map a part.</summary>
/// <param name="from">[B, tall, wide, C].</param>
/// <param name="to">[B, H, W, C].</param>
/// <param name="shape">Of the small map.</param>
/// <param name="tall">Rows of the large one.</param>
/// <param name="wide">Columns of the large one.</param>
internal readonly unsafe struct Shrinking(float* from, float* to, Shape shape, int tall, int wide) : IParallelBody
{
    private readonly float* _from = from;
    private readonly float* _to = to;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        (int height, int width, int channels) = (shape[1], shape[2], shape[3]);
        (int sample, int row) = Math.DivRem(index, height);
        new Span<float>(_to + (long)index * width * channels, width * channels).Clear();
        for (int y = First(row, height, tall); y < First(row + 1, height, tall); y++)
        {
            for (int x = 0; x < wide; x++)
            {
                float* pixel = _from + (((long)sample * tall + y) * wide + x) * channels;
                Span<float> sum = new(_to + ((long)index * width + (long)x * width / wide) * channels, channels);
                TensorPrimitives.Add(sum, new ReadOnlySpan<float>(pixel, channels), sum);
            }
        }
    }

    // The first row of the large map whose source, floor(row * height / tall), is the given one.
    private static int First(int source, int height, int tall) => (int)(((long)source * tall + height - 1) / height);
}
