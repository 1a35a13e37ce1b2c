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
        SamplerRun run = new(plan, ops, scope, ops.Upload(noise, s_shape));
        while (!run.IsDone)
        {
            int step = run.StepIndex;
            Tensor output;
            using (TensorScope inner = ops.Scope())
                output = inner.Keep(ops.Upload(Model(ops.Download(run.ModelInput(ops)), step), s_shape));
            run.Advance(ops, output, run.DrawsNoise ? ops.Upload(Draws(step + 1), s_shape) : default);
        }

        double[] actual = ops.Download(run.Sample);
        int[] drawing = [.. Enumerable.Range(0, plan.Steps.Length).Where(i => plan.Steps[i].DrawsNoise)];
        for (int i = 0; i < actual.Length; i++)
        {
            double[] trajectory = PlanInterpreter.Run(
                plan, noise[i] * plan.InitialSigma, (x, step) => Model([x], step)[0], draw => Draws(drawing[draw] + 1)[i]);
            // The run rounds each factor to float32: 6e-8 of values up to the largest on the way, a few terms, 12 to 21 steps.
            double largest = Math.Max(trajectory.Max(Math.Abs), plan.InitialSigma);
            Assert.Equal(trajectory[^1], actual[i], 1e-5 * largest);
        }
    }

    [Theory, MemberData(nameof(Samplers))]
    public void Run_HandsBackWhatItNoLongerNeeds(string name)
    {
        SamplerPlan plan = Plan(name, 20);
        using CpuOps ops = new(new CpuOptions { Threads = 1 });
        using (TensorScope scope = ops.Scope())
        {
            Tensor noise = ops.Upload(Draws(0), s_shape);
            SamplerRun run = new(plan, ops, scope, noise);
            scope.Release(noise);
            while (!run.IsDone)
            {
                Step(ops, run);
                // The sample, a base sample, and at most three remembered quantities.
                Assert.InRange(ops.LiveTensorCount, 1, 2 + plan.HistoryDepth);
            }
        }

        Assert.Equal(0, ops.LiveTensorCount);
    }

    [Theory, MemberData(nameof(Samplers))]
    public void Run_AllocatesNothingOnceUnderWay(string name)
    {
        SamplerPlan plan = Plan(name, 30);
        float[] values = Draws(1);
        Assert.Equal(0, ManagedMemory.Least(() =>
        {
            using CpuOps ops = new(new CpuOptions { Threads = 1 });
            using TensorScope scope = ops.Scope();
            SamplerRun run = new(plan, ops, scope, ops.Upload(Draws(0), s_shape));
            while (run.StepIndex < 16)
                Step(ops, run);

            long native = ops.MemoryStatistics.NativeAllocations;
            long managed = GC.GetAllocatedBytesForCurrentThread();
            while (!run.IsDone)
            {
                Tensor output;
                using (TensorScope inner = ops.Scope())
                    output = inner.Keep(ops.WeightedSum([new WeightedTensor(run.ModelInput(ops), 0.25f)]));
                run.Advance(ops, output, run.DrawsNoise ? ops.Upload(values, s_shape) : default);
            }

            managed = GC.GetAllocatedBytesForCurrentThread() - managed;
            Assert.Equal(native, ops.MemoryStatistics.NativeAllocations);
            return managed;
        }));
    }

    [Fact]
    public void Advance_RefusesAStepWithoutItsNoise()
    {
        SamplerPlan plan = Plan("euler_a", 10);
        using ReferenceOps ops = new();
        using TensorScope scope = ops.Scope();
        SamplerRun run = new(plan, ops, scope, ops.Upload(Draws(0), s_shape));
        ShapeException e = Assert.Throws<ShapeException>(() => run.Advance(ops, ops.Upload(Draws(1), s_shape)));
        Assert.Equal("Sampler step 0 of EulerAncestral adds noise and was given none.", e.Message);
    }

    private static void Step(CpuOps ops, SamplerRun run)
    {
        Tensor output;
        using (TensorScope inner = ops.Scope())
            output = inner.Keep(ops.WeightedSum([new WeightedTensor(run.ModelInput(ops), 0.25f)]));
        run.Advance(ops, output, run.DrawsNoise ? ops.Upload(Draws(run.StepIndex + 1), s_shape) : default);
    }

    private static double[] Model(double[] x, int step) => Array.ConvertAll(x, value => 0.3 * value + 0.5 * Math.Sin(step));

    private static float[] Draws(int index) => WeightFormula.GaussLike($"run/{index}", s_shape);
}
