using AudioToken.Backends.Cpu;
using AudioToken.Bench;
using Xunit;

namespace AudioToken.Tests.Bench;

/// <summary>What a stage's profile counts. Never how fast anything is.</summary>
public sealed class StageBenchTests
{
    [Theory]
    [InlineData("vae", 2)]
    [InlineData("step-2", 1)]
    [InlineData("step-2", 60)] // more than PNDM's 51 steps
    public void Profile_IsThatOfOneRun(string stage, int repetitions)
    {
        using ProcessorDevice device = new(new CpuOps(new CpuOptions { Threads = 1 }), 1);
        using StageBench bench = new(device, BenchModel.Synthetic(SizedModel.Tiny));

        StageMeasurement measured = bench.Measure(stage, repetitions, TestContext.Current.CancellationToken);

        StepRecorder recorded = StepRecorder.OfStage(SizedModel.Tiny, stage);
        Assert.Equal(recorded.Calls.Sum(call => call.Key.Flops * call.Value), measured.Flops);
        Assert.All(measured.Classes.Where(item => item.Class != OperationClass.Rest), item => Assert.Equal(recorded.Calls.Where(call => call.Key.Class == item.Class).Sum(call => call.Value), item.Calls));
    }
}
