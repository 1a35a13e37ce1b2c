namespace AudioToken.Testing;

/// <summary>Counts what a thread allocates of managed memory.</summary>
public static class ManagedMemory
{
    private const int Tries = 20;

    /// <summary>Bytes that <paramref name="loop"/> allocates on this thread each time that it runs.</summary>
    public static long AllocatedBy(Action loop) => Least(() =>
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        loop();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    });

    /// <summary>The least of several measurements, the first zero at once.</summary>
    /// <remarks>A collection, which any thread may cause, ends the piece of memory from which a thread allocates, and the rest of the piece, up to 8 KB, counts as allocated.
    /// What a loop allocates itself it allocates each time.</remarks>
    public static long Least(Func<long> measure)
    {
        long least = measure();
        for (int tries = 1; least > 0 && tries < Tries; tries++)
            least = Math.Min(least, measure());
        return least;
    }
}
