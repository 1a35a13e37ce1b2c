using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>The windows of a two-dimensional convolution as rows [kh, kw, C + Cskip], gathered from channels-last feature maps.</summary>
internal readonly unsafe struct ConvWindows : IRowSource
{
    private readonly float* _x;
    private readonly float* _skip;
    private readonly int _channels, _skipChannels;
    private readonly int _height, _width;
    private readonly int _enlargedHeight, _enlargedWidth;
    private readonly int _outHeight, _outWidth;
    private readonly int _kernelWidth;
    private readonly int _stride, _padTop, _padLeft;
    private readonly bool _phases;

    /// <summary>Describes the windows on x, [B, H, W, C], and skip, [B, H, W, Cskip] or null.</summary>
    /// <remarks>With phases, the windows of group 2 i + j lie i rows lower and j columns further right.</remarks>
    public ConvWindows(
        float* x, Shape xShape, float* skip, int skipChannels, in ConvGeometry geometry, int kernelWidth, int outHeight, int outWidth, bool phases = false)
    {
        _phases = phases;
        _x = x;
        _skip = skip;
        (_channels, _skipChannels) = (xShape[3], skipChannels);
        (_height, _width) = (xShape[1], xShape[2]);
        _enlargedHeight = geometry.UpsampleHeight > 0 ? geometry.UpsampleHeight : _height;
        _enlargedWidth = geometry.UpsampleWidth > 0 ? geometry.UpsampleWidth : _width;
        (_outHeight, _outWidth) = (outHeight, outWidth);
        (_kernelWidth, _stride, _padTop, _padLeft) = (kernelWidth, geometry.Stride, geometry.PadTop, geometry.PadLeft);
    }

    /// <inheritdoc/>
    public void Pack(int group, long row, int rows, int start, int depth, float* destination, int stride)
    {
        (int top, int left) = (_padTop, _padLeft);
        if (_phases)
            (top, left) = (top - group / 2, left - group % 2);
        bool wholeRows = _skipChannels == 0 && _enlargedHeight == _height && _enlargedWidth == _width;
        int ox = (int)(row % _outWidth);
        int oy = (int)(row / _outWidth % _outHeight);
        long sample = row / _outWidth / _outHeight;
        for (int r = 0; r < rows; r++, destination += stride)
        {
            if (wholeRows)
                PackWindowRows(sample, oy * _stride - top, ox * _stride - left, start, depth, destination);
            else
                PackTaps(sample, oy * _stride - top, ox * _stride - left, start, depth, destination);
            if (++ox == _outWidth)
            {
                ox = 0;
                if (++oy == _outHeight)
                    (oy, sample) = (0, sample + 1);
            }
        }
    }

    // One source at its own size: a row of the window is one run of memory, [kw, C], of which the sides may hang over the edge.
    private void PackWindowRows(long sample, int y, int x, int start, int depth, float* destination)
    {
        int run = _kernelWidth * _channels, edge = _width * _channels;
        int ky = start / run, at = start - ky * run;
        while (depth > 0)
        {
            int length = Math.Min(run - at, depth);
            if ((uint)(y + ky) >= (uint)_height)
            {
                Clear(destination, length);
            }
            else
            {
                int first = x * _channels + at;
                int left = Math.Clamp(-first, 0, length);
                int right = Math.Clamp(first + length - edge, 0, length - left);
                float* source = _x + (sample * _height + y + ky) * edge + first;
                Clear(destination, left);
                Copy(source + left, destination + left, length - left - right);
                Clear(destination + length - right, right);
            }

            destination += length;
            depth -= length;
            (at, ky) = (0, ky + 1);
        }
    }

    // Two sources or an enlarged one: a run ends with the channels of one source at one tap.
    private void PackTaps(long sample, int y, int x, int start, int depth, float* destination)
    {
        int all = _channels + _skipChannels;
        int tap = start / all, channel = start - tap * all;
        int ky = tap / _kernelWidth, kx = tap - ky * _kernelWidth;
        while (depth > 0)
        {
            bool second = channel >= _channels;
            int length = Math.Min((second ? all : _channels) - channel, depth);
            if ((uint)(y + ky) >= (uint)_enlargedHeight || (uint)(x + kx) >= (uint)_enlargedWidth)
            {
                Clear(destination, length);
            }
            else
            {
                int sy = _enlargedHeight == _height ? y + ky : (int)((long)(y + ky) * _height / _enlargedHeight);
                int sx = _enlargedWidth == _width ? x + kx : (int)((long)(x + kx) * _width / _enlargedWidth);
                long pixel = (sample * _height + sy) * _width + sx;
                Copy(second ? _skip + pixel * _skipChannels + channel - _channels : _x + pixel * _channels + channel, destination, length);
            }

            destination += length;
            depth -= length;
            channel += length;
            if (channel == all)
            {
                channel = 0;
                if (++kx == _kernelWidth)
                    (kx, ky) = (0, ky + 1);
            }
        }
    }

    private static void Clear(float* destination, int count) => new Span<float>(destination, count).Clear();

    private static void Copy(float* source, float* destination, int count) =>
        new ReadOnlySpan<float>(source, count).CopyTo(new Span<float>(destination, count));
}
