using AudioToken.Backends.Cpu;
using AudioToken.Sampling;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Tests.Sampling;

public class SamplerRunTests
{
    private static readonly Shape s_shape = [2, 3, 5, 4];

    private static SchedulerConfig RungeKutta => Configs.Sd14 with { SkipPrkSteps = false };

    public static TheoryData<string> Samplers => [.. SamplerKinds.Names, "pndm with Runge-Kutta", "ddim with noise and clip", "dpm++2m velocity"];

    private static SamplerPlan Plan(string name, int steps) => name switch
    {
        "pndm with Runge-Kutta" => SamplerFactory.Create(SamplerKind.Pndm, null, RungeKutta, steps),
        "ddim with noise and clip" => SamplerFactory.Create(SamplerKind.Ddim, null, Configs.Sd14 with { ClipSample = true }, steps, new SamplerOptions { Eta = 0.7 }),
        "dpm++2m velocity" => SamplerFactory.Create(SamplerKind.DpmSolverPlusPlus2M, null, Configs.Sd2, steps),
        _ => SamplerFactory.Create(SamplerKinds.Parse(name), null, Configs.Sd14, steps),
    };

    [Theory, MemberData(nameof(Samplers))]
    public void Run_DoesWhatThePlanSays(string name)
    {
        SamplerPlan plan = Plan(name, 12);
        float[] noise = Draws(0);
        using ReferenceOps ops = new();
        using TensorScope scope = ops.Scope();
        SamplerRun run = new(plan, ops, ops.Upload(noise, s_shape), Drawn(ops, plan), 1);
        for (int step = 0; step < plan.Steps.Length; step++)
            run.Advance(ops, new StepIndex(step), ops.Upload(Model(ops.Download(run.Input), step), s_shape));

        double[] actual = ops.Download(run.Sample);
        int[] drawing = Drawing(plan);
        for (int i = 0; i < actual.Length; i++)
        {
            double[] trajectory = PlanInterpreter.Run(
                plan, noise[i] * plan.InitialSigma, (x, step) => Model([x], step)[0], draw => Draws(drawing[draw] + 1)[i]);
            // The run rounds each factor to float32: 6e-8 of values up to the largest on the way, a few terms, 12 to 21 steps.
            double largest = Math.Max(trajectory.Max(Math.Abs), plan.InitialSigma);
            Assert.Equal(trajectory[^1], actual[i], 1e-5 * largest);
        }
    }

    [Fact]
    public void Prediction_IsTheOutputsWeighted()
    {
        using CpuOps ops = new(new CpuOptions { Threads = 1 });
        using TensorScope scope = ops.Scope();
        Tensor unconditional = ops.Upload(Draws(1), s_shape), conditional = ops.Upload(Draws(2), s_shape);
        SamplerRun run = new(Plan("pndm", 4), ops, ops.Upload(Draws(0), s_shape), default, Guidance.Weights(7.5f));
        run.Advance(ops, new StepIndex(0), unconditional, conditional);
        Assert.Equal(ops.Values(ops.WeightedSum([new(unconditional, -6.5f), new(conditional, 7.5f)])), ops.Values(run.Prediction));
        Assert.Equal(
            "Sampler: the model gave 1 outputs, wanted 2.", Assert.Throws<ShapeException>(() => run.Advance(ops, new StepIndex(1), conditional)).Message);
    }

    [Theory, MemberData(nameof(Samplers))]
    public void Run_AllocatesNothing(string name)
    {
        SamplerPlan plan = Plan(name, 30);
        Assert.Equal(0, ManagedMemory.Least(() =>
        {
            using CpuOps ops = new(new CpuOptions { Threads = 1 });
            using TensorScope scope = ops.Scope();
            SamplerRun run = new(plan, ops, ops.Upload(Draws(0), s_shape), Drawn(ops, plan), 1);
            Tensor output = ops.Upload(Draws(1), s_shape);
            int live = ops.LiveTensorCount;
            run.Advance(ops, new StepIndex(0), output); // code compiles

            long native = ops.MemoryStatistics.NativeAllocations;
            long managed = GC.GetAllocatedBytesForCurrentThread();
            for (int step = 1; step < plan.Steps.Length; step++)
                run.Advance(ops, new StepIndex(step), output);

            managed = GC.GetAllocatedBytesForCurrentThread() - managed;
            Assert.Equal((native, live), (ops.MemoryStatistics.NativeAllocations, ops.LiveTensorCount));
            return managed;
        }));
    }

    [Fact]
    public void Run_RefusesAPlanWithoutItsNoise()
    {
        using ReferenceOps ops = new();
        using TensorScope scope = ops.Scope();
        ShapeException e = Assert.Throws<ShapeException>(() => new SamplerRun(Plan("euler_a", 10), ops, ops.Upload(Draws(0), s_shape), default, 1));
        Assert.Equal("Sampler EulerAncestral adds noise and was given none.", e.Message);
    }

    private static int[] Drawing(SamplerPlan plan) => [.. Enumerable.Range(0, plan.Steps.Length).Where(i => plan.Steps[i].DrawsNoise)];

    // A row a step; those that draw nothing are not to be read.
    private static Tensor Drawn(ITensorOps ops, SamplerPlan plan)
    {
        if (!plan.NeedsNoise)
            return default;
        int count = (int)s_shape.Count;
        float[] rows = new float[plan.Steps.Length * count];
        Array.Fill(rows, float.NaN);
        foreach (int step in Drawing(plan))
            Draws(step + 1).CopyTo(rows, step * count);
        return ops.Upload(rows, [plan.Steps.Length, count]);
    }

    private static double[] Model(double[] x, int step) => Array.ConvertAll(x, value => 0.3 * value + 0.5 * Math.Sin(step));

    private static float[] Draws(int index) => WeightFormula.GaussLike($"run/{index}", s_shape);
}
