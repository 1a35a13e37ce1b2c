using System.Numerics;
using System.Runtime.InteropServices;
using AudioToken.Tensors;

namespace AudioToken.Models.Layers;

/// <summary>Means and variances of the groups of channels of a map in strips: of the whole, and of each strip's <see cref="FeatureStrips.Region"/>.</summary>
/// <remarks>Summed on the host, in float64: over a row, a strip, the map, together some 2^11 additions deep, so that sums are off by at most 2^-42 of themselves.
/// A mean of 50 deviations, 2500 in the squares, leaves the variance 30 bits.</remarks>
internal sealed class StripStatistics
{
    // Values fetched at a time.
    private const int MostFetched = 1 << 20;

    private readonly int _groups;
    private readonly GroupMoments[] _strips, _first, _last; // of each strip, its first row, its last row
    private readonly double[] _sums, _squares;              // of the channels of a row
    private readonly float[] _values;

    /// <summary>Reads a map.</summary>
    public StripStatistics(ITensorOps ops, FeatureStrips map, int groups)
    {
        int channels = map[0].Shape[3];
        (_groups, _sums, _squares) = (groups, new double[channels], new double[channels]);
        (_strips, _first, _last) = (new GroupMoments[map.Count], new GroupMoments[map.Count], new GroupMoments[map.Count]);
        int row = map[0].Shape[2] * channels;
        _values = new float[Math.Max(row, MostFetched / row * row)];
        Whole = new GroupMoments(groups);
        for (int i = 0; i < map.Count; i++)
        {
            Read(ops, map[i], i);
            Whole.Add(_strips[i]);
        }
    }

    /// <summary>Of the whole map.</summary>
    public GroupMoments Whole { get; }

    /// <summary>Of a strip with the rows beside it.</summary>
    public GroupMoments Region(int strip)
    {
        GroupMoments region = new(_groups);
        region.Add(_strips[strip]);
        if (strip > 0)
            region.Add(_last[strip - 1]);
        if (strip < _strips.Length - 1)
            region.Add(_first[strip + 1]);
        return region;
    }

    private void Read(ITensorOps ops, Tensor strip, int number)
    {
        (int rows, int width, int channels) = (strip.Shape[1], strip.Shape[2], strip.Shape[3]);
        int row = width * channels, most = _values.Length / row;
        Tensor all = strip.Reshape([rows, row]);
        _strips[number] = new GroupMoments(_groups);
        for (int start = 0; start < rows; start += most)
        {
            int count = Math.Min(most, rows - start);
            ops.Download(all.Slice(start, count), _values.AsSpan(0, count * row));
            for (int r = 0; r < count; r++)
            {
                GroupMoments moments = Row(_values.AsSpan(r * row, row), width);
                _strips[number].Add(moments);
                _first[number] ??= moments;
                _last[number] = moments;
            }
        }
    }

    private GroupMoments Row(ReadOnlySpan<float> row, int width)
    {
        Array.Clear(_sums);
        Array.Clear(_squares);
        for (; row.Length > 0; row = row[_sums.Length..])
            Sum(row[.._sums.Length]);
        return GroupMoments.Of(_groups, _sums, _squares, width);
    }

    private void Sum(ReadOnlySpan<float> pixel)
    {
        int whole = pixel.Length / Vector<float>.Count * Vector<float>.Count;
        Span<Vector<double>> sums = MemoryMarshal.Cast<double, Vector<double>>(_sums.AsSpan(0, whole)), squares = MemoryMarshal.Cast<double, Vector<double>>(_squares.AsSpan(0, whole));
        ReadOnlySpan<Vector<float>> values = MemoryMarshal.Cast<float, Vector<float>>(pixel[..whole]);
        for (int i = 0; i < values.Length; i++)
        {
            Vector.Widen(values[i], out Vector<double> low, out Vector<double> high);
            sums[2 * i] += low;
            sums[2 * i + 1] += high;
            squares[2 * i] += low * low;
            squares[2 * i + 1] += high * high;
        }

        for (int c = whole; c < pixel.Length; c++)
        {
            _sums[c] += pixel[c];
            _squares[c] += (double)pixel[c] * pixel[c];
        }
    }
}
