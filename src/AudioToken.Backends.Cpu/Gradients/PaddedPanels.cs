using System.Runtime.Intrinsics;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>Writes feature maps into panels, a position a depth, with what windows of stride 1 reach beyond the edges: moved by some positions they are
/// the right-hand side of each tap of a convolution's weight gradient. 128 positions of a row a part.</summary>
/// <param name="x">[B, H, W, C].</param>
/// <param name="shape">Of x.</param>
/// <param name="skip">[B, H, W, Cskip], or null.</param>
/// <param name="geometry">Of the convolution.</param>
/// <param name="job">Whose panels these are.</param>
internal readonly unsafe struct PaddedPanels(float* x, Shape shape, float* skip, ConvGeometry geometry, WeightGradientJob job) : IParallelBody
{
    private readonly float* _x = x, _skip = skip;
    private readonly WeightGradientJob _job = job;

    private const int PartPositions = 128;

    /// <summary>Number of parts.</summary>
    public int Parts => _job.Samples * _job.PaddedHeight * Blocks;

    private int Blocks => (_job.PaddedWidth + PartPositions - 1) / PartPositions;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        (int height, int width, int channels) = (shape[1], shape[2], shape[3]);
        int tall = geometry.UpsampleHeight > 0 ? geometry.UpsampleHeight : height, wide = geometry.UpsampleWidth > 0 ? geometry.UpsampleWidth : width;
        (int line, int block) = Math.DivRem(index, Blocks);
        (int sample, int row) = Math.DivRem(line, _job.PaddedHeight);
        int start = block * PartPositions, end = Math.Min(start + PartPositions, _job.PaddedWidth);
        int y = row - geometry.PadTop, skipChannels = _job.Packed.Columns - channels;
        bool inside = (uint)y < (uint)tall;
        long source = inside ? ((long)sample * height + (long)y * height / tall) * width : 0;
        for (int panel = 0; panel < _job.Packed.Panels; panel++)
        {
            int first = panel * _job.Packed.PanelWidth, columns = _job.Packed.Vectors(panel) * _job.Packed.VectorWidth;
            int own = Math.Clamp(channels - first, 0, columns), other = Math.Clamp(_job.Packed.Columns - first - own, 0, columns - own);
            float* to = _job.Panels + _job.Packed.PanelOffset(panel) + ((long)line * _job.PaddedWidth + start) * columns;
            for (int position = start; position < end; position++, to += columns)
            {
                int at = position - geometry.PadLeft;
                if (!inside || (uint)at >= (uint)wide)
                {
                    new Span<float>(to, columns).Clear();
                    continue;
                }

                long pixel = source + (wide == width ? at : (long)at * width / wide);
                if (own == columns)
                {
                    Copy(_x + pixel * channels + first, to, columns);
                    continue;
                }

                new ReadOnlySpan<float>(_x + pixel * channels + first, own).CopyTo(new Span<float>(to, columns));
                if (other > 0)
                    new ReadOnlySpan<float>(_skip + pixel * skipChannels + (first + own - channels), other).CopyTo(new Span<float>(to + own, other));
                new Span<float>(to + own + other, columns - own - other).Clear();
            }
        }
    }

    // A whole panel: one or two vectors, not worth a call.
    private static void Copy(float* from, float* to, int columns)
    {
        int c = 0;
        for (; c + 16 <= columns; c += 16)
            Vector512.Load(from + c).Store(to + c);
        for (; c < columns; c += 4)
            Vector128.Load(from + c).Store(to + c);
    }
}
