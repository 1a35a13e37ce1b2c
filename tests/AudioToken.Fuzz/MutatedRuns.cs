namespace AudioToken.Fuzz;

/// <summary>Runs a target on damaged seeds and holds every run to the rule: it returns or refuses, with little memory.</summary>
public static class MutatedRuns
{
    /// <summary>Bytes that one run may allocate.</summary>
    public const long MaxAllocation = 64 << 20;

    /// <summary>Runs damaged seeds.</summary>
    /// <returns>How many were read; the others were refused.</returns>
    /// <exception cref="FuzzException">An input was not borne; it is in the exception.</exception>
    public static int Run(FuzzTarget target, string folder, int runs, int seed)
    {
        ArgumentNullException.ThrowIfNull(target);
        byte[][] seeds = [.. target.Seeds().OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => pair.Value)];
        Mutator mutator = new(seed);
        int read = 0;
        for (int i = 0; i < runs; i++)
        {
            byte[] input = mutator.Mutate(seeds[i % seeds.Length], seeds[(i + 1) % seeds.Length]);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                read += target.Run(input, folder) ? 1 : 0;
            }
            catch (Exception exception)
            {
                throw new FuzzException(target.Name, i, input, exception.Message, exception);
            }

            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            if (allocated > MaxAllocation)
                throw new FuzzException(target.Name, i, input, $"it allocated {allocated:N0} bytes", null);
        }

        return read;
    }
}
