using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>Writes feature maps into panels, a position a depth, with what windows of stride 1 reach beyond the edges: moved by some positions they are
/// the right-hand side of each tap of a convolution's weight gradient. A row of a padded map a part.</summary>
/// <param name="x">[B, H, W, C].</param>
/// <param name="shape">Of x.</param>
/// <param name="skip">[B, H, W, Cskip], or null.</param>
/// <param name="geometry">Of the convolution.</param>
/// <param name="job">Whose panels these are.</param>
internal readonly unsafe struct PaddedPanels(float* x, Shape shape, float* skip, ConvGeometry geometry, WeightGradientJob job) : IParallelBody
{
    private readonly float* _x = x, _skip = skip;
    private readonly WeightGradientJob _job = job;

    /// <summary>Number of parts.</summary>
    public int Parts => _job.Samples * _job.PaddedHeight;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        (int height, int width, int channels) = (shape[1], shape[2], shape[3]);
        int tall = geometry.UpsampleHeight > 0 ? geometry.UpsampleHeight : height, wide = geometry.UpsampleWidth > 0 ? geometry.UpsampleWidth : width;
        (int sample, int row) = Math.DivRem(index, _job.PaddedHeight);
        int y = row - geometry.PadTop, skipChannels = _job.Packed.Columns - channels;
        bool inside = (uint)y < (uint)tall;
        long source = inside ? ((long)sample * height + (long)y * height / tall) * width : 0;
        for (int panel = 0; panel < _job.Packed.Panels; panel++)
        {
            int first = panel * _job.Packed.PanelWidth, columns = _job.Packed.Vectors(panel) * _job.Packed.VectorWidth;
            int own = Math.Clamp(channels - first, 0, columns), other = Math.Clamp(_job.Packed.Columns - first - own, 0, columns - own);
            float* to = _job.Panels + _job.Packed.PanelOffset(panel) + (long)index * _job.PaddedWidth * columns;
            for (int position = 0; position < _job.PaddedWidth; position++, to += columns)
            {
                int at = position - geometry.PadLeft;
                if (!inside || (uint)at >= (uint)wide)
                {
                    new Span<float>(to, columns).Clear();
                    continue;
                }

                long pixel = source + (long)at * width / wide;
                new ReadOnlySpan<float>(_x + pixel * channels + first, own).CopyTo(new Span<float>(to, columns));
                if (other > 0)
                    new ReadOnlySpan<float>(_skip + pixel * skipChannels + (first + own - channels), other).CopyTo(new Span<float>(to + own, other));
                new Span<float>(to + own + other, columns - own - other).Clear();
            }
        }
    }
}
