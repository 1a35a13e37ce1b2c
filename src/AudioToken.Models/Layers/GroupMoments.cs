namespace AudioToken.Models.Layers;

/// <summary>Sums over the values of each group of channels of some rows of a map, in float64.</summary>
/// <param name="groups">Number of groups.</param>
internal sealed class GroupMoments(int groups)
{
    private readonly double[] _sums = new double[groups], _squares = new double[groups];
    private long _count; // values of each group

    /// <summary>Sums of the channels of one row of a map, gathered in groups.</summary>
    /// <param name="groups">Number of groups.</param>
    /// <param name="sums">Of each channel.</param>
    /// <param name="squares">Sums of squares of each channel.</param>
    /// <param name="width">Values of each channel.</param>
    public static GroupMoments Of(int groups, ReadOnlySpan<double> sums, ReadOnlySpan<double> squares, int width)
    {
        int perGroup = sums.Length / groups;
        GroupMoments moments = new(groups) { _count = (long)width * perGroup };
        for (int c = 0; c < sums.Length; c++)
        {
            moments._sums[c / perGroup] += sums[c];
            moments._squares[c / perGroup] += squares[c];
        }

        return moments;
    }

    /// <summary>Takes further rows in.</summary>
    public void Add(GroupMoments rows)
    {
        _count += rows._count;
        for (int g = 0; g < _sums.Length; g++)
        {
            _sums[g] += rows._sums[g];
            _squares[g] += rows._squares[g];
        }
    }

    /// <summary>Mean of a group.</summary>
    public double Mean(int group) => _sums[group] / _count;

    /// <summary>Its biased variance; not negative.</summary>
    public double Variance(int group) => Math.Max(0, (_squares[group] / _count) - (Mean(group) * Mean(group)));
}
