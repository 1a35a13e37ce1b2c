namespace AudioToken.Sampling;

/// <summary>The training noise levels: alphas_cumprod[t] is the share of the signal's variance left at timestep t.</summary>
/// <remarks>A noisy sample is sqrt(ac[t]) x0 + sqrt(1 - ac[t]) n, with n of unit variance; Ho et al. 2020, equation 4.
/// Immutable. By default the tables are PyTorch's: each step of their computation is rounded to float32, the running product is
/// accumulated in double and stored as float32. (PyTorch's own differ in the last bit with the processor's vector width.)</remarks>
public sealed class NoiseSchedule
{
    /// <summary>Most training timesteps accepted; published models have 1000.</summary>
    public const int MaxTrainTimesteps = 100_000;

    // What diffusers puts in place of a final alphas_cumprod of 0 for the samplers that divide by it.
    private const double SmallestAlphaCumprod = 1.0 / (1 << 24);

    private readonly double[] _betas;
    private readonly double[] _alphasCumprod;
    private readonly bool _single;

    private NoiseSchedule(double[] betas, double[] alphasCumprod, bool single)
    {
        _betas = betas;
        _alphasCumprod = alphasCumprod;
        _single = single;
    }

    /// <summary>Number of training timesteps N.</summary>
    public int TrainTimesteps => _betas.Length;

    /// <summary>Variance added at each timestep, [N].</summary>
    public ReadOnlySpan<double> Betas => _betas;

    /// <summary>Running product of 1 - beta, [N], falling; values in [0, 1), 0 only as the last of a schedule rescaled to zero SNR.</summary>
    public ReadOnlySpan<double> AlphasCumprod => _alphasCumprod;

    /// <summary>Makes the tables of one formula.</summary>
    /// <param name="schedule">The formula.</param>
    /// <param name="trainTimesteps">N, 1 to <see cref="MaxTrainTimesteps"/>.</param>
    /// <param name="betaStart">First variance, in (0, 1); <see cref="BetaSchedule.SquaredCosine"/> ignores it.</param>
    /// <param name="betaEnd">Last variance, in (0, 1), likewise.</param>
    /// <param name="singlePrecision">False keeps every table in double: the exact formulas, for tests.</param>
    /// <exception cref="SchedulerConfigException">A value is out of range.</exception>
    public static NoiseSchedule Create(BetaSchedule schedule, int trainTimesteps, double betaStart, double betaEnd, bool singlePrecision = true)
    {
        if (trainTimesteps is < 1 or > MaxTrainTimesteps)
            throw SchedulerConfigException.Unsupported("num_train_timesteps", Text.Of(trainTimesteps), $"1 to {MaxTrainTimesteps}");
        double[] betas;
        switch (schedule)
        {
            case BetaSchedule.SquaredCosine:
                betas = new double[trainTimesteps];
                for (int i = 0; i < betas.Length; i++)
                    betas[i] = Math.Min(0.999, 1 - SquaredCosine((i + 1.0) / trainTimesteps) / SquaredCosine((double)i / trainTimesteps));
                break;
            case BetaSchedule.Linear:
                RequireBeta("beta_start", betaStart);
                RequireBeta("beta_end", betaEnd);
                betas = Linspace(betaStart, betaEnd, trainTimesteps, singlePrecision);
                break;
            case BetaSchedule.ScaledLinear:
                RequireBeta("beta_start", betaStart);
                RequireBeta("beta_end", betaEnd);
                betas = Linspace(Math.Sqrt(betaStart), Math.Sqrt(betaEnd), trainTimesteps, singlePrecision);
                for (int i = 0; i < betas.Length; i++)
                    betas[i] *= betas[i];
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(schedule), schedule, "Not a beta schedule.");
        }

        return FromBetas(betas, singlePrecision);
    }

    /// <summary>Makes the tables of given variances (<c>trained_betas</c>).</summary>
    /// <param name="betas">[N], each in (0, 1).</param>
    /// <exception cref="SchedulerConfigException">A value is out of range.</exception>
    public static NoiseSchedule FromBetas(ReadOnlySpan<float> betas)
    {
        if (betas.Length is < 1 or > MaxTrainTimesteps)
            throw SchedulerConfigException.Unsupported("trained_betas", $"a list of {betas.Length}", $"1 to {MaxTrainTimesteps} values");
        double[] widened = new double[betas.Length];
        for (int i = 0; i < betas.Length; i++)
        {
            RequireBeta("trained_betas", betas[i]);
            widened[i] = betas[i];
        }

        return FromBetas(widened, single: true);
    }

    /// <summary>The schedule scaled so that the last timestep holds noise alone (<c>rescale_betas_zero_snr</c>). Lin et al. 2023, algorithm 1.</summary>
    public NoiseSchedule RescaledToZeroSnr()
    {
        double first = Round(Math.Sqrt(_alphasCumprod[0])), last = Round(Math.Sqrt(_alphasCumprod[^1]));
        double scale = Round(first / Round(first - last));
        double[] betas = new double[_betas.Length];
        double previous = 1;
        for (int i = 0; i < betas.Length; i++)
        {
            double root = Round(Round(Round(Math.Sqrt(_alphasCumprod[i])) - last) * scale);
            double alphaCumprod = Round(root * root);
            betas[i] = 1 - Round(alphaCumprod / previous);
            previous = alphaCumprod;
        }

        return FromBetas(betas, _single);
    }

    /// <summary>The schedule with a last value of 2^-24 in place of 0, for the samplers in sigma = sqrt((1 - ac) / ac).</summary>
    internal NoiseSchedule WithFiniteSigmas()
    {
        if (_alphasCumprod[^1] > 0)
            return this;
        double[] alphasCumprod = [.. _alphasCumprod];
        alphasCumprod[^1] = SmallestAlphaCumprod;
        return new NoiseSchedule(_betas, alphasCumprod, _single);
    }

    /// <summary>sigma[t] = sqrt((1 - ac[t]) / ac[t]) for every timestep: noise over signal, [N], rising.</summary>
    internal double[] SigmaTable()
    {
        double[] sigmas = new double[_alphasCumprod.Length];
        for (int i = 0; i < sigmas.Length; i++)
            sigmas[i] = Math.Sqrt((1 - _alphasCumprod[i]) / _alphasCumprod[i]);
        return sigmas;
    }

    private static NoiseSchedule FromBetas(double[] betas, bool single)
    {
        double[] alphasCumprod = new double[betas.Length];
        double product = 1;
        for (int i = 0; i < betas.Length; i++)
        {
            betas[i] = single ? (float)betas[i] : betas[i];
            product *= single ? (float)(1 - betas[i]) : 1 - betas[i];
            alphasCumprod[i] = single ? (float)product : product;
        }

        return new NoiseSchedule(betas, alphasCumprod, single);
    }

    // torch.linspace: from both ends towards the middle, in the result's type.
    private static double[] Linspace(double start, double end, int count, bool single)
    {
        double[] values = new double[count];
        if (count == 1)
        {
            values[0] = single ? (float)start : start;
            return values;
        }

        if (!single)
        {
            for (int i = 0; i < count; i++)
                values[i] = start + (end - start) * i / (count - 1);
            return values;
        }

        float first = (float)start, last = (float)end, step = (last - first) / (count - 1);
        for (int i = 0; i < count; i++)
            values[i] = i < count / 2 ? first + step * i : last - step * (count - 1 - i);
        return values;
    }

    private static double SquaredCosine(double time)
    {
        double cosine = Math.Cos((time + 0.008) / 1.008 * Math.PI / 2);
        return cosine * cosine;
    }

    private static void RequireBeta(string key, double value)
    {
        if (!(value > 0 && value < 1))
            throw SchedulerConfigException.Unsupported(key, Text.Of(value), "greater than 0 and less than 1");
    }

    private double Round(double value) => _single ? (float)value : value;
}
