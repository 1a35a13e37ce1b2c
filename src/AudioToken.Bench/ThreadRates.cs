namespace AudioToken.Bench;

/// <summary>One measurement on several threads of their own at once.</summary>
internal static class ThreadRates
{
    /// <summary>The sum of what the threads measure; they begin together.</summary>
    public static double Sum(int threads, Func<int, double> measure)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        double[] rates = new double[threads];
        using Barrier start = new(threads);
        Thread[] all = new Thread[threads];
        for (int i = 0; i < threads; i++)
        {
            int own = i;
            all[i] = new Thread(() =>
            {
                start.SignalAndWait();
                rates[own] = measure(own);
            });
            all[i].Start();
        }

        foreach (Thread thread in all)
            thread.Join();
        return rates.Sum();
    }
}
