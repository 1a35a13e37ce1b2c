using System.Text.Json;
using AudioToken.Backends.Cpu;
using AudioToken.Sampling;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Golden.Tests;

/// <summary>Every sampler against the schedulers of two versions of diffusers (goldens b8): a fake model, every step's sample.</summary>
public class SchedulerTests
{
    private const string Diffusers016 = "b8_schedulers_diffusers_0.16.1";
    private const string Diffusers031 = "b8_schedulers_diffusers_0.31.0";

    // goldens/README.md: 1e-4 of the largest |x|. Measured: below 2e-6 in every case.
    private const double Tolerance = 1e-4;

    public static TheoryData<string, string> Cases()
    {
        TheoryData<string, string> cases = [];
        foreach (string file in (string[])[Diffusers016, Diffusers031])
        {
            using GoldenFile golden = Goldens.Open(file);
            foreach (JsonProperty entry in Configs(golden).EnumerateObject())
            {
                if (entry.Value.TryGetProperty("scheduler", out _))
                    cases.Add(file, entry.Name);
            }
        }

        return cases;
    }

    [Theory, MemberData(nameof(Cases))]
    public void Sampler_TakesTheRecordedSteps(string file, string name)
    {
        using GoldenFile golden = Goldens.Open(file);
        JsonElement recorded = Configs(golden).GetProperty(name);
        SamplerPlan plan = Plan(file, recorded);

        // Recorded in float32: near 999 a unit in the last place is 6e-5.
        float[] timesteps = golden[name + ".out.timesteps"];
        Assert.Equal(timesteps.Length, plan.Steps.Length);
        TensorAssert.MaxAbs(timesteps, [.. plan.Steps.Select(step => (float)step.Timestep)], 1e-4, "timesteps");
        Assert.Equal(1, plan.InitialSigma / golden[name + ".out.init_noise_sigma"][0], 1e-6);
        if (golden.Has(name + ".out.sigmas"))
        {
            // Both tables are float32; a level of 14 is known to 1e-6 of itself.
            TensorAssert.MaxAbs(golden[name + ".out.sigmas"], [.. plan.Sigmas.Select(sigma => (float)sigma)], 1e-6 * 15, "sigmas");
        }

        // Diffusers 0.16 also drew noise for Euler's churn, which is 0.
        int draws = recorded.GetProperty("noise_draws").GetInt32();
        bool idleDraws = plan.Kind == SamplerKind.Euler && file == Diffusers016;
        Assert.Equal(idleDraws ? 0 : draws, plan.NoiseDraws);

        RunAgainst(golden, name, plan);
    }

    private static void RunAgainst(GoldenFile golden, string name, SamplerPlan plan)
    {
        Shape shape = [1, 4, 4, 4];
        float[] n = WeightFormula.GaussLike("sched/n", shape);
        float[] trajectory = golden[name + ".out.trajectory"];
        float[] inputs = golden[name + ".mid.model_input_first_last"];
        float[] values = new float[shape.Count];

        using CpuOps ops = new(new CpuOptions { Threads = 1 });
        using TensorScope scope = ops.Scope();
        SamplerRun run = new(plan, ops, ops.Upload(WeightFormula.GaussLike("sched/x", shape), shape), Drawn(ops, name, plan, shape), 1);
        for (int step = 0; step < plan.Steps.Length; step++)
        {
            ops.Download(run.Input, values);
            if (step == 0)
                AssertClose(inputs.AsSpan(0, values.Length), values, "first model input");
            else if (step == plan.Steps.Length - 1)
                AssertClose(inputs.AsSpan(values.Length), values, "last model input");

            float share = (float)(0.5 + 0.0005 * (float)plan.Steps[step].Timestep);
            for (int i = 0; i < values.Length; i++)
                values[i] = 0.25f * values[i] + n[i] * share;
            run.Advance(ops, new StepIndex(step), ops.Upload(values, shape));

            ops.Download(run.Sample, values);
            AssertClose(trajectory.AsSpan(step * values.Length, values.Length), values, $"sample after step {step}");
        }

        if (golden.Has(name + ".out.denoised_last"))
            AssertClose(golden[name + ".out.denoised_last"], values, "denoised");
    }

    // Noise of the steps that draw some, a row a step.
    private static Tensor Drawn(CpuOps ops, string name, SamplerPlan plan, Shape shape)
    {
        if (!plan.NeedsNoise)
            return default;
        int count = (int)shape.Count, draws = 0;
        float[] rows = new float[plan.Steps.Length * count];
        for (int i = 0; i < plan.Steps.Length; i++)
        {
            if (plan.Steps[i].DrawsNoise)
                WeightFormula.GaussLike($"sched/{name}/noise/{draws++}", shape).CopyTo(rows, i * count);
        }

        return ops.Upload(rows, [plan.Steps.Length, count]);
    }

    private static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what)
    {
        float largest = 0;
        foreach (float value in expected)
            largest = Math.Max(largest, Math.Abs(value));
        TensorAssert.MaxAbs(expected, actual, Tolerance * largest, what);
    }

    private static SamplerPlan Plan(string file, JsonElement recorded)
    {
        SamplerKind kind = SamplerKinds.OfClass(recorded.GetProperty("scheduler").GetString())!.Value;
        SamplerOptions options = new()
        {
            Eta = recorded.GetProperty("step_kwargs").TryGetProperty("eta", out JsonElement eta) ? eta.GetDouble() : 0,
            Convention = file == Diffusers016 ? SolverConvention.Diffusers016 : SolverConvention.Current,
        };
        return SamplerFactory.Create(kind, null, SchedulerConfig.Parse(recorded.GetProperty("config").GetRawText()), recorded.GetProperty("steps").GetInt32(), options);
    }

    [Theory, InlineData(Diffusers016), InlineData(Diffusers031)]
    public void ForwardProcess_IsTheRecordedOne(string file)
    {
        using GoldenFile golden = Goldens.Open(file);
        NoiseSchedule schedule = NoiseSchedule.Create(BetaSchedule.ScaledLinear, 1000, 0.00085, 0.012);
        int[] timesteps = [.. golden["ddpm.in.timesteps"].Select(t => (int)t)];
        Shape shape = [timesteps.Length, 4, 4, 4];
        float[] clean = WeightFormula.GaussLike("sched/ddpm/x0", shape), noise = WeightFormula.GaussLike("sched/ddpm/noise", shape);
        float[] result = new float[shape.Count];

        // Values are below 3; the factors' float32 roots and the two products round by some 1e-7 each.
        ForwardProcess.AddNoise(schedule, clean, noise, timesteps, result);
        TensorAssert.MaxAbs(golden["ddpm.out.add_noise"], result, 1e-6, "add_noise");
        ForwardProcess.Velocity(schedule, clean, noise, timesteps, result);
        TensorAssert.MaxAbs(golden["ddpm.out.velocity"], result, 1e-6, "velocity");
    }

    [Theory, InlineData(Diffusers016), InlineData(Diffusers031)]
    public void NoiseSchedule_IsTheRecordedOne(string file)
    {
        using GoldenFile golden = Goldens.Open(file);
        NoiseSchedule schedule = NoiseSchedule.Create(BetaSchedule.ScaledLinear, 1000, 0.00085, 0.012);
        float[] betas = golden["ddpm.out.betas"], alphasCumprod = golden["ddpm.out.alphas_cumprod"];
        for (int i = 0; i < betas.Length; i++)
        {
            // PyTorch's linspace rounds differently with each vector width: two units in the last place of a root, doubled by the square.
            Assert.Equal(1, schedule.Betas[i] / betas[i], 5e-7);
            Assert.Equal(1, schedule.AlphasCumprod[i] / alphasCumprod[i], 1e-6); // spec/07, section 1
        }
    }

    // Python wrote "lambda_min_clipped": -Infinity, which System.Text.Json does not read.
    private static JsonElement Configs(GoldenFile golden)
    {
        using JsonDocument document = JsonDocument.Parse(golden.File.Metadata["configs"].Replace("-Infinity", "null", StringComparison.Ordinal));
        return document.RootElement.Clone();
    }
}
