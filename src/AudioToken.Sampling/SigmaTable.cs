namespace AudioToken.Sampling;

/// <summary>The noise levels sigma of a schedule as a function of fractional time, both ways.</summary>
internal sealed class SigmaTable
{
    private const double Rho = 7;

    private readonly double[] _sigmas;
    private readonly double[] _logs;

    public SigmaTable(NoiseSchedule schedule)
    {
        _sigmas = schedule.SigmaTable();
        _logs = Array.ConvertAll(_sigmas, Math.Log);
    }

    public double Smallest => _sigmas[0];

    public double Largest => _sigmas[^1];

    /// <summary>Sigma at a time in 0 to N - 1, linear between timesteps; NaN outside.</summary>
    public double At(double time)
    {
        if (!(time >= 0 && time <= _sigmas.Length - 1))
            return double.NaN;
        int low = Math.Min((int)time, Math.Max(_sigmas.Length - 2, 0));
        double share = time - low;
        return share == 0 ? _sigmas[low] : _sigmas[low] + share * (_sigmas[low + 1] - _sigmas[low]);
    }

    /// <summary>Time of a sigma, linear in its logarithm between timesteps; 0 to N - 1.</summary>
    public double TimeOf(double sigma)
    {
        double log = Math.Log(sigma);
        int found = Array.BinarySearch(_logs, log);
        int low = Math.Clamp(found >= 0 ? found : ~found - 1, 0, Math.Max(_logs.Length - 2, 0));
        if (low + 1 >= _logs.Length)
            return low;
        double share = Math.Clamp((log - _logs[low]) / (_logs[low + 1] - _logs[low]), 0, 1);
        return low + share;
    }

    /// <summary>Levels from <paramref name="largest"/> down to <paramref name="smallest"/>, evenly spaced in sigma^(1/7).
    /// Karras et al. 2022, equation 5.</summary>
    public static double[] Karras(double largest, double smallest, int steps)
    {
        double[] sigmas = new double[steps];
        double high = Math.Pow(largest, 1 / Rho), low = Math.Pow(smallest, 1 / Rho);
        for (int i = 0; i < steps; i++)
            sigmas[i] = Math.Pow(high + (steps == 1 ? 0 : (double)i / (steps - 1)) * (low - high), Rho);
        return sigmas;
    }
}
