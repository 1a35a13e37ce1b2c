using AudioToken.Sampling;
using CsCheck;
using Xunit;

namespace AudioToken.Tests.Sampling;

public class SamplerPropertyTests
{
    private static readonly Gen<SchedulerConfig> s_configs = Gen.Select(
        Gen.OneOfConst(BetaSchedule.Linear, BetaSchedule.ScaledLinear, BetaSchedule.SquaredCosine),
        Gen.OneOf(Gen.Const(1000), Gen.Int[1, 1200]),
        Gen.OneOfConst(TimestepSpacing.Leading, TimestepSpacing.Linspace, TimestepSpacing.Trailing),
        Gen.OneOfConst(PredictionType.Epsilon, PredictionType.Velocity, PredictionType.Sample),
        Gen.Int[0, 2],
        Gen.Int[0, 31],
        (schedule, trainTimesteps, spacing, prediction, offset, switches) => new SchedulerConfig
        {
            BetaSchedule = schedule,
            TrainTimesteps = trainTimesteps,
            BetaStart = 0.00085,
            BetaEnd = 0.012,
            Spacing = spacing,
            Prediction = prediction,
            StepsOffset = offset,
            SetAlphaToOne = (switches & 1) != 0,
            SkipPrkSteps = (switches & 2) != 0,
            ClipSample = (switches & 4) != 0,
            RescaleBetasZeroSnr = (switches & 8) != 0,
            FinalSigma = (switches & 16) != 0 ? FinalSigma.SigmaMin : FinalSigma.Zero,
        });

    // Case 42 of RELIABILITY.md: what is planned is sound, what is refused is refused by name.
    [Fact]
    public void Plan_StaysInRangeAndFallsAndIsFinite_OrIsRefused()
    {
        int planned = 0, refused = 0;
        Gen.Select(s_configs, Gen.OneOf(Gen.Int[1, 60], Gen.Int[1, 1200]), Gen.OneOfConst(Enum.GetValues<SamplerKind>()), Gen.Bool, Gen.Double[0, 1])
            .Sample((config, steps, kind, karras, eta) =>
            {
                SamplerPlan plan;
                try
                {
                    plan = SamplerFactory.Create(kind, karras && kind.SupportsKarras(), config, steps, new SamplerOptions { Eta = eta });
                }
                catch (Exception e) when (e is SamplerOptionException or SchedulerConfigException)
                {
                    Interlocked.Increment(ref refused);
                    return;
                }

                Interlocked.Increment(ref planned);
                bool mayRepeat = kind == SamplerKind.Pndm || (karras && kind == SamplerKind.DpmSolverPlusPlus2M);
                AssertSound(plan, config.TrainTimesteps!.Value, mayRepeat);
            }, iter: 2000);
        Assert.True(planned > 500, $"{planned} planned, {refused} refused: the property says little.");
    }

    private static void AssertSound(SamplerPlan plan, int trainTimesteps, bool mayRepeat)
    {
        int stored = 0, repeats = 0;
        bool hasBase = false;
        for (int i = 0; i < plan.Steps.Length; i++)
        {
            SamplerStep step = plan.Steps[i];
            Assert.InRange(step.Timestep, 0, trainTimesteps - 1);
            if (i > 0)
            {
                Assert.True(step.Timestep <= plan.Steps[i - 1].Timestep, $"step {i} rises");
                repeats += step.Timestep == plan.Steps[i - 1].Timestep ? 1 : 0;
            }

            double[] factors =
            [
                step.InputFactor, step.DerivedFromSample, step.DerivedFromOutput, step.SampleFactor, step.BaseFactor, step.OutputFactor,
                step.D0, step.D1, step.D2, step.D3, step.NoiseFactor, step.BaseFromSample, step.BaseFromBase,
            ];
            Assert.All(factors, factor => Assert.True(float.IsFinite((float)factor)));
            // Nothing is read that is not there.
            Assert.True(step.HistoryDepth <= stored, $"step {i} reads {step.HistoryDepth} of {stored} stored");
            Assert.True(step.BaseFactor == 0 || hasBase, $"step {i} reads no base");
            Assert.True(step.NoiseFactor == 0 || step.DrawsNoise, $"step {i} adds noise it does not draw");
            stored += step.StoresDerived ? 1 : 0;
            hasBase |= step.BaseFromSample != 0;
        }

        Assert.True(mayRepeat || repeats == 0, $"{repeats} repeated timesteps");
        Assert.True(plan.InitialSigma > 0 && double.IsFinite(plan.InitialSigma));
    }

    // On the straight way from x0 to noise n, whatever is predicted along it, a deterministic sampler makes no error at all.
    [Fact]
    public void DeterministicSampler_IsExactWhereTheModelIs()
    {
        SamplerKind[] kinds = [SamplerKind.Pndm, SamplerKind.Ddim, SamplerKind.DpmSolverPlusPlus2M, SamplerKind.Euler];
        int checkedRuns = 0;
        Gen.Select(s_configs, Gen.Int[1, 60], Gen.OneOfConst(kinds), Gen.Bool, Gen.Double[-1, 1], Gen.Double[-1, 1])
            .Sample((written, steps, kind, karras, clean, noise) =>
            {
                SchedulerConfig config = written with
                {
                    ClipSample = false,
                    RescaleBetasZeroSnr = false,
                    // PNDM averages outputs of different times: only the noise is the same at all of them.
                    Prediction = kind == SamplerKind.Pndm ? PredictionType.Epsilon : written.Prediction,
                    // PNDM and DDIM step by N / n, rounded down: where timesteps lie otherwise, diffusers' steps do not quite meet.
                    Spacing = kind is SamplerKind.Pndm or SamplerKind.Ddim ? TimestepSpacing.Leading : written.Spacing,
                };
                SamplerPlan plan;
                try
                {
                    plan = SamplerFactory.Create(kind, karras && kind.SupportsKarras(), config, steps, new SamplerOptions { ExactTables = true });
                }
                catch (SamplerOptionException)
                {
                    return;
                }

                Interlocked.Increment(ref checkedRuns);
                NoiseSchedule schedule = NoiseSchedule.Create(config.BetaSchedule!.Value, config.TrainTimesteps!.Value, 0.00085, 0.012, singlePrecision: false);
                (double alpha, double sigma) = LevelOf(0);
                double scale = kind == SamplerKind.Euler ? alpha : 1; // Euler's x is x0 + s n
                double[] trajectory = PlanInterpreter.Run(plan, (alpha * clean + sigma * noise) / scale, (_, step) =>
                {
                    (double a, double s) = LevelOf(step);
                    return config.Prediction switch
                    {
                        PredictionType.Epsilon => noise,
                        PredictionType.Velocity => a * noise - s * clean,
                        _ => clean,
                    };
                });

                double acEnd = config.SetAlphaToOne == true ? 1 : schedule.AlphasCumprod[0];
                double lastTimestep = plan.Steps[^1].Timestep - config.TrainTimesteps!.Value / steps;
                if (lastTimestep >= 0)
                    acEnd = schedule.AlphasCumprod[(int)lastTimestep];
                double end = kind switch
                {
                    SamplerKind.Euler => clean + plan.Sigmas[^1] * noise,
                    SamplerKind.DpmSolverPlusPlus2M => (clean + plan.Sigmas[^1] * noise) / Math.Sqrt(plan.Sigmas[^1] * plan.Sigmas[^1] + 1),
                    _ => Math.Sqrt(acEnd) * clean + Math.Sqrt(1 - acEnd) * noise,
                };
                // The squared cosine ends at alpha 5e-5, which magnifies the rounding of doubles by 2e4; sixty steps add up.
                Assert.Equal(end, trajectory[^1], 1e-9);

                (double Alpha, double Sigma) LevelOf(int step)
                {
                    double a = plan.Sigmas.IsEmpty
                        ? Math.Sqrt(schedule.AlphasCumprod[(int)plan.Steps[step].Timestep])
                        : 1 / Math.Sqrt(plan.Sigmas[step] * plan.Sigmas[step] + 1);
                    return (a, Math.Sqrt(1 - a * a));
                }
            }, iter: 1000);
        Assert.True(checkedRuns > 300, $"only {checkedRuns} runs");
    }

    [Fact]
    public void Parse_EndsWithAConfigurationOrANamedError() =>
        Gen.OneOf(
            Gen.String,
            Gen.Select(Gen.OneOfConst("beta_start", "prediction_type", "clip_sample", "trained_betas", "num_train_timesteps", "x"), Gen.String[0, 12], (key, value) => $"{{ \"{key}\": {value} }}"),
            Gen.Select(Gen.Int[0, Configs.StableDiffusion14.Length - 1], Gen.Char, (at, c) => Configs.StableDiffusion14.Remove(at, 1).Insert(at, c.ToString())))
            .Sample(json =>
            {
                try
                {
                    return SchedulerConfig.Parse(json) is not null;
                }
                catch (SchedulerConfigException e)
                {
                    return e.Message.StartsWith("scheduler_config.json", StringComparison.Ordinal);
                }
            }, iter: 5000);
}
