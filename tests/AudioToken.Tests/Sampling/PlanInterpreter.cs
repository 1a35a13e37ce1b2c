using AudioToken.Sampling;

namespace AudioToken.Tests.Sampling;

/// <summary>Carries out a plan on one number, in double: the definition in <see cref="SamplerStep"/>, written out.</summary>
internal static class PlanInterpreter
{
    /// <summary>The sample after each step.</summary>
    /// <param name="plan">What to do.</param>
    /// <param name="start">Sample before the first step.</param>
    /// <param name="model">Output for an input at a step.</param>
    /// <param name="noise">Noise for the n-th draw; null for zeros.</param>
    public static double[] Run(SamplerPlan plan, double start, Func<double, int, double> model, Func<int, double>? noise = null)
    {
        double x = start, b = double.NaN;
        List<double> stored = [];
        double[] trajectory = new double[plan.Steps.Length];
        int draws = 0;
        for (int i = 0; i < trajectory.Length; i++)
        {
            SamplerStep step = plan.Steps[i];
            double m = model(step.InputFactor * x, i);
            double d = Math.Clamp(step.DerivedFromSample * x + step.DerivedFromOutput * m, -step.Clip, step.Clip);
            double n = step.DrawsNoise && noise is not null ? noise(draws++) : 0;
            double next = Term(step.SampleFactor, x) + Term(step.BaseFactor, b) + Term(step.OutputFactor, m) + Term(step.D0, d) + Term(step.NoiseFactor, n)
                + Term(step.D1, Stored(1)) + Term(step.D2, Stored(2)) + Term(step.D3, Stored(3));
            b = Term(step.BaseFromSample, x) + Term(step.BaseFromBase, b);
            if (step.StoresDerived)
                stored.Add(d);
            trajectory[i] = x = next;
        }

        return trajectory;

        double Stored(int back) => back <= stored.Count ? stored[^back] : double.NaN;
    }

    // What is absent is NaN; a factor of 0 does not read it.
    private static double Term(double factor, double value) => factor == 0 ? 0 : factor * value;
}
