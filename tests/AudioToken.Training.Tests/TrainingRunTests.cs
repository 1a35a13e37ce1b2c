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

    private TrainingRun Run(CpuOps ops, Bowl task) => new(
        ops, task, new RunSettings { Updates = 60, LearningRate = new LearningRate(0.1, LearningRateShape.Cosine, 0, 60), MostNotFinite = 3 }, _folder, "bowl");

    /// <summary>Half the squared length of a vector.</summary>
    private sealed class Bowl(CpuOps ops) : ITrainingTask
    {
        public Func<long, bool> IsBad { get; init; } = _ => false;

        public IReadOnlyList<Parameter> Parameters { get; } =
            [new Parameter("x", ops.LoadWeight(new ArrayWeightSource("x", [3], [1, -1, 2]), WeightRole.Vector), [1, -1, 2])];

        public double Accumulate(long update, GradientSums sums)
        {
            Parameters[0].Values.CopyTo(sums.Values[0], 0);
            sums.Values[0][1] = IsBad(update) ? float.PositiveInfinity : sums.Values[0][1];
            return 1;
        }
    }
}
