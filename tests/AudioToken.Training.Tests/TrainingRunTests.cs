using AudioToken.Backends.Cpu;
using AudioToken.Tensors;
using AudioToken.Training.Optimisation;
using AudioToken.Training.Runs;
using Xunit;

namespace AudioToken.Training.Tests;

public sealed class TrainingRunTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("audiotoken-run-").FullName;

    [Fact]
    public void UpdatesThatAreNotFinite_AreLeftOutAndCounted()
    {
        using CpuOps ops = new(new CpuOptions { Threads = 1 });
        Bowl task = new(ops) { IsBad = update => update is 3 or 4 };
        TrainingRun run = Run(ops, task);
        run.Run(cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(2, run.State.Skipped);
        Assert.All(task.Parameters[0].Values, value => Assert.InRange(value, -0.2f, 0.2f));
    }

    [Fact]
    public void TooManyInARow_EndTheRunWithTheLastGoodState()
    {
        using CpuOps ops = new(new CpuOptions { Threads = 1 });
        Bowl task = new(ops) { IsBad = update => update >= 5 };
        NumericFaultException fault = Assert.Throws<NumericFaultException>(() => Run(ops, task).Run(cancellation: TestContext.Current.CancellationToken));
        Assert.Equal("loss or gradient were not finite in 3 updates in a row, the last being 8", fault.Message);
        float[] last = [.. task.Parameters[0].Values];
        Bowl again = new(ops);
        TrainingRun run = Run(ops, again);
        Assert.True(run.Resume());
        Assert.Equal(last, again.Parameters[0].Values);
        Assert.Equal(8, run.State.Updates);
    }

    // A power of two more or less changes no bit of a gradient that neither overflows nor vanishes.
    [Fact]
    public void ScaledLoss_FindsAScaleThatFitsAndGoesOnWithIt()
    {
        using CpuOps ops = new(new CpuOptions { Threads = 1 });
        Bowl whole = new(ops) { LargestScale = 1024 }, parted = new(ops) { LargestScale = 1024 };
        TrainingRun straight = Run(ops, whole, scaled: true);
        straight.Run(cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(6, straight.State.Skipped);
        Assert.Equal(new LossScale(1024, 54), straight.State.LossScale);

        Directory.Delete(_folder, recursive: true);
        using CancellationTokenSource stop = new();
        parted.Begins = update => { if (update == 30) stop.Cancel(); };
        Assert.Throws<OperationCanceledException>(() => Run(ops, parted, scaled: true).Run(cancellation: stop.Token));
        Bowl again = new(ops) { LargestScale = 1024 };
        TrainingRun resumed = Run(ops, again, scaled: true);
        Assert.True(resumed.Resume());
        Assert.Equal(new LossScale(1024, 25), resumed.State.LossScale);
        resumed.Run(cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(straight.State, resumed.State);
        Assert.Equal(whole.Parameters[0].Values, again.Parameters[0].Values);
    }

    [Fact]
    public void LossScale_DoublesAfterManyGoodUpdatesAndHalvesAtABadOne()
    {
        LossScale scale = LossScale.First;
        for (int i = 0; i < LossScale.Patience; i++)
            scale = scale.After(finite: true);
        Assert.Equal(new LossScale(131072, 0), scale);
        Assert.Equal(new LossScale(65536, 0), scale.After(finite: true).After(finite: false));
        Assert.Equal(LossScale.None, LossScale.None.After(finite: false));
    }

    [Theory]
    [InlineData(LearningRateShape.Constant, 0, 0.25)]
    [InlineData(LearningRateShape.Constant, 3, 1.0)]
    [InlineData(LearningRateShape.Constant, 90, 1.0)]
    [InlineData(LearningRateShape.Cosine, 4, 1.0)]
    [InlineData(LearningRateShape.Cosine, 54, 0.5)]
    [InlineData(LearningRateShape.Cosine, 104, 0.0)]
    [InlineData(LearningRateShape.Linear, 29, 0.75)]
    public void LearningRate_WarmsUpAndGoesDown(LearningRateShape shape, long update, double wanted) =>
        Assert.Equal(wanted, new LearningRate(1, shape, 4, 104).At(update), 1e-12);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private TrainingRun Run(CpuOps ops, Bowl task, bool scaled = false) => new(
        ops, task, new RunSettings { Updates = 60, ScalesLoss = scaled, LearningRate = new LearningRate(0.1, LearningRateShape.Cosine, 0, 60), MostNotFinite = 3 }, _folder, "bowl");

    /// <summary>Half the squared length of a vector.</summary>
    private sealed class Bowl(CpuOps ops) : ITrainingTask
    {
        public Func<long, bool> IsBad { get; init; } = _ => false;

        /// <summary>Beyond it, gradients overflow.</summary>
        public double LargestScale { get; init; } = double.PositiveInfinity;

        public Action<long> Begins { get; set; } = _ => { };

        public IReadOnlyList<Parameter> Parameters { get; } =
            [new Parameter("x", ops.LoadWeight(new ArrayWeightSource("x", [3], [1, -1, 2]), WeightRole.Vector), [1, -1, 2])];

        public double Accumulate(long update, GradientSums sums)
        {
            Parameters[0].Values.CopyTo(sums.Values[0], 0);
            Begins(update);
            sums.Values[0][1] = IsBad(update) || sums.LossScale > LargestScale ? float.PositiveInfinity : sums.Values[0][1];
            return 1;
        }
    }
}
