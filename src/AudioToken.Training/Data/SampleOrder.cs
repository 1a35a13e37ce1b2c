namespace AudioToken.Training.Data;

/// <summary>The order in which samples come: another shuffle each epoch, a function of the seed and the place in the run.</summary>
/// <param name="count">Number of samples.</param>
/// <param name="seed">Seed of the shuffles.</param>
public sealed class SampleOrder(int count, ulong seed)
{
    private int[] _order = [];
    private long _epoch = -1;

    /// <summary>The sample at a place of the run, or one that follows it in the order of the same epoch.</summary>
    public int At(long place, int further = 0)
    {
        long epoch = place / count;
        if (epoch != _epoch)
            (_order, _epoch) = (Shuffled(epoch), epoch);
        return _order[(int)((place + further) % count)];
    }

    /// <summary>The samples of an update that takes <paramref name="size"/> at a time, as all before it did.</summary>
    public int[] Batch(long update, int size) => [.. Enumerable.Range(0, size).Select(i => At((update * size) + i))];

    // Fisher and Yates.
    private int[] Shuffled(long epoch)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        ulong own = StableSeed.Of(seed, "order", epoch);
        for (int i = order.Length - 1; i > 0; i--)
        {
            int j = (int)(StableSeed.Of(own, "swap", i) % (ulong)(i + 1));
            (order[i], order[j]) = (order[j], order[i]);
        }

        return order;
    }
}
