using System.Runtime.InteropServices;
using AudioToken.Backends.Cuda;
using AudioToken.Backends.Cuda.Memory;
using AudioToken.Bench;
using AudioToken.Bench.Cases;
using AudioToken.Tensors;
using Xunit;

namespace AudioToken.Cuda.Tests;

/// <summary>What is timed on a GPU is recorded work; here the emulated device runs it, at tiny size, and its times mean nothing.</summary>
public sealed class RecordedBenchTests
{
    private const int Repetitions = 3;

    [Fact]
    public void Launches_DoTheWorkAgain() => Run(DType.F32, (setup, ops) =>
    {
        using TensorScope scope = ops.Scope();
        Tensor x = ops.Upload([1f, 2, 3], [3]);
        nint result = 0;
        float[] sums = new float[3];
        using CudaRecording recording = ops.RecordWork(() =>
        {
            Tensor constant = ops.Upload([10f, 20, 30], [3]); // what does not change may be uploaded
            ops.Upload([0f, 0, 0], [3]);
            Tensor sum = ops.WeightedSum([new WeightedTensor(x, 1), new WeightedTensor(constant, 2)]);
            result = (nint)((DeviceBlock)sum.Storage).Pointer.Address; // the emulated device's memory is the process's
        });
        long kernels = ops.Launches, calls = setup.Emulator.Count("cuLaunchKernel"), graphs = setup.Emulator.Count("graphs");
        for (int i = 0; i < Repetitions; i++)
        {
            Marshal.Copy(new float[3], 0, result, 3);
            recording.Launch();
            ops.Download(x, new float[3]);
            Marshal.Copy(result, sums, 0, 3);
            Assert.Equal([21f, 42, 63], sums);
        }

        Assert.Equal(Repetitions, ops.Launches - kernels);
        Assert.Equal((0, Repetitions), (setup.Emulator.Count("cuLaunchKernel") - calls, setup.Emulator.Count("graphs") - graphs));
    });

    [Fact]
    public void RecordedWork_ThatChangesOrDownloadsIsRefused() => Run(DType.F32, (_, ops) =>
    {
        float calls = 0;
        Assert.Contains("uploaded other values", Assert.Throws<InvalidOperationException>(() => ops.RecordWork(() => ops.Upload([calls++], [1]))).Message, StringComparison.Ordinal);
        Assert.Contains("Download within", Assert.Throws<InvalidOperationException>(() => ops.RecordWork(() => ops.Download(ops.Upload([1f], [1]), new float[1]))).Message, StringComparison.Ordinal);
        using TensorScope scope = ops.Scope();
        float[] back = new float[1];
        ops.Download(ops.Upload([3f], [1]), back); // usable afterwards
        Assert.Equal(3, back[0]);
    });

    [Fact]
    public void Case_IsOneRecordingOfAllTurns() => Run(DType.F16, (setup, ops) =>
    {
        using TimedEmulation device = new(ops);
        long launches = Launches(), graphs = setup.Emulator.Count("graphs");

        KernelMeasurement measured = new KernelBench(device).Measure(KernelCases.Parse("layer-norm", "64x320"), Repetitions, TestContext.Current.CancellationToken);

        Assert.Equal(1, measured.Kernels);
        Assert.Equal(1 + Repetitions, setup.Emulator.Count("graphs") - graphs);
        long turns = Math.Max(8, measured.InputSets);
        // One to make each set, one that is not counted, all turns as they are asked for, and in each graph.
        Assert.Equal(measured.InputSets + 1 + turns * (1 + 1 + Repetitions), Launches() - launches);

        long Launches() => setup.Emulator.Counts().Where(count => count.Key.StartsWith("kernel:layer_norm_f16", StringComparison.Ordinal)).Sum(count => count.Value); // in whichever form
    });

    [Theory]
    [InlineData("fbank")]
    [InlineData("beats")]
    [InlineData("embedder")]
    [InlineData("text")]
    [InlineData("unet-2")]
    [InlineData("step-2")]
    [InlineData("step-1")]
    [InlineData("vae")]
    public void Stage_IsReplayedAndHeldToFp32(string name) => Run(DType.F16, (setup, ops) =>
    {
        using TimedEmulation device = new(ops);
        using CudaOps exact = new(new CudaOptions { Storage = DType.F32, KernelCacheFolder = null });
        using StageBench bench = new(device, BenchModel.Synthetic(SizedModel.Tiny), exact);
        long graphs = setup.Emulator.Count("graphs");

        StageMeasurement measured = bench.Measure(name, Repetitions, TestContext.Current.CancellationToken);

        // A stage is launched once before it is measured; a first step is a graph where it was recorded before, in a loop that was given the same memory.
        (int least, int most) = name.StartsWith("step", StringComparison.Ordinal) ? (Repetitions, Repetitions + 2) : (1 + Repetitions, 1 + Repetitions);
        Assert.InRange(setup.Emulator.Count("graphs") - graphs, least, most);
        Assert.True(measured.Kernels > 0);
        Assert.InRange(measured.RelativeRms!.Value, 1e-5, 1e-2); // of fp16, whose epsilon is 1e-3; docs/NUMERICS.md
    });

    [Theory]
    [InlineData("fbank")] // uploads its samples, and at first its tables
    [InlineData("beats")] // uploads within its pass
    [InlineData("unet-2")]
    public void Recording_GivesWhatTheStageGives(string name) => Run(DType.F32, (_, ops) =>
    {
        using Stages stages = new(ops, BenchModel.Synthetic(SizedModel.Tiny));
        using TensorScope scope = ops.Scope();
        Stage stage = stages.Build(name);
        Tensor wanted = stage.Run(ops);
        float[] expected = new float[wanted.Shape.Count], found = new float[expected.Length];
        ops.Download(wanted, expected);
        nint result = 0;
        using CudaRecording recording = ops.RecordWork(() => result = (nint)((DeviceBlock)stage.Run(ops).Storage).Pointer.Address);
        Marshal.Copy(found, 0, result, found.Length); // what the first run left
        recording.Launch();
        ops.Download(wanted, new float[expected.Length]); // waits
        Marshal.Copy(result, found, 0, found.Length);
        Assert.Equal(expected, found);
    });

    [Fact]
    public void Step_LeavesOutWhatIsMadeOnceAPicture() => Run(DType.F16, (_, ops) =>
    {
        using TimedEmulation device = new(ops);
        using StageBench bench = new(device, BenchModel.Synthetic(SizedModel.Tiny));

        StageMeasurement whole = bench.Measure("unet-2", 1, TestContext.Current.CancellationToken), step = bench.Measure("step-2", 1, TestContext.Current.CancellationToken);

        Assert.True(step.Kernels < whole.Kernels, $"{step.Kernels} kernels, {whole.Kernels} with text and times");
        Assert.True(step.Flops < whole.Flops);
    });

    [Fact]
    public void Step_IsTakenFromTheFirstAgainAfterTheLast() => Run(DType.F16, (setup, ops) =>
    {
        const int MoreThanThereAre = 60; // PNDM takes 51 for 50
        setup.Emulator.Set("execute", 0);
        using TimedEmulation device = new(ops);
        using StageBench bench = new(device, BenchModel.Synthetic(SizedModel.Tiny));
        long advances = setup.Emulator.Count("kernel:advance_f16"), graphs = setup.Emulator.Count("graphs");

        bench.Measure("step-2", MoreThanThereAre, TestContext.Current.CancellationToken);

        // One that is not counted, one to count kernels, and the first of each of two loops beside those that are measured; a first one is a graph where it was recorded before.
        Assert.InRange(setup.Emulator.Count("graphs") - graphs, MoreThanThereAre, MoreThanThereAre + 2);
        Assert.Equal(1 + 1 + 2 + MoreThanThereAre, setup.Emulator.Count("kernel:advance_f16") - advances);
    });

    [Fact]
    public void Picture_IsDrawnByThePipeline() => Run(DType.F16, (_, ops) =>
    {
        using TimedEmulation device = new(ops);
        using PictureBench bench = new(device, BenchModel.Synthetic(SizedModel.Tiny), TestContext.Current.CancellationToken);

        StageMeasurement measured = bench.Measure("image-lcm-4", 1, TestContext.Current.CancellationToken);

        Assert.True(measured.Seconds!.Value.Median > 0);
        Assert.True(measured.Kernels > 0);
    });

    private static void Run(DType storage, Action<Setup, CudaOps> test) => Setup.Run(setup =>
    {
        using CudaOps ops = new(new CudaOptions { Storage = storage, KernelCacheFolder = null });
        test(setup, ops);
    });
}
