namespace AudioToken.Backends.Cpu;

/// <summary>Moves the pixels of maps apart by a stride, zeros between them: what turns the gradient of a strided convolution into one of stride 1. A row of
/// the large map a part.</summary>
/// <param name="from">[B, height, width, C].</param>
/// <param name="to">[B, (height - 1) stride + 1, (width - 1) stride + 1, C].</param>
/// <param name="height">Rows of a small map.</param>
/// <param name="width">Its columns.</param>
/// <param name="columns">C.</param>
/// <param name="stride">The stride.</param>
internal readonly unsafe struct Spreading(float* from, float* to, int height, int width, int columns, int stride) : IParallelBody
{
    private readonly float* _from = from;
    private readonly float* _to = to;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        int wide = (width - 1) * stride + 1;
        (int sample, int row) = Math.DivRem(index, (height - 1) * stride + 1);
        float* result = _to + (long)index * wide * columns;
        new Span<float>(result, wide * columns).Clear();
        if (row % stride != 0)
            return;
        float* source = _from + ((long)sample * height + row / stride) * width * columns;
        for (int x = 0; x < width; x++, source += columns, result += (long)stride * columns)
            new ReadOnlySpan<float>(source, columns).CopyTo(new Span<float>(result, columns));
    }
}
