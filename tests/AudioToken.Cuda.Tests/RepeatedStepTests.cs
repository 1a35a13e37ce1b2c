using AudioToken.Backends.Cuda;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Cuda.Tests;

/// <summary>A repeated step gives what its function gives, from a graph at fixed addresses, and gives everything back.</summary>
public sealed class RepeatedStepTests
{
    private const int Steps = 5;

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    public void Replays_AreTheFunction(DType storage) => Run(storage, (setup, ops) =>
    {
        using ReferenceSteps wanted = new(ops), replayed = new(ops);
        long graphs = setup.Emulator.Count("graphs");
        using TensorScope scope = ops.Scope();
        using RepeatedStep step = ops.Repeat(replayed.Function);
        for (int i = 0; i < Steps; i++)
        {
            step.Run();
            // What others ask for between the steps must not have the recorded addresses.
            ops.Upload(Enumerable.Repeat(float.NaN, 4096).ToArray(), [4096]);
            wanted.Function(new StepIndex(i));
            Assert.Equal(ops.Values(wanted.State), ops.Values(replayed.State));
        }

        Assert.Equal(Steps - 1, setup.Emulator.Count("graphs") - graphs);
    });

    [Fact]
    public void Steps_AskForNoMemory_AndReplaysForOneLaunchAlone() => Run(DType.F16, (setup, ops) =>
    {
        using ReferenceSteps wanted = new(ops);
        using RepeatedStep step = ops.Repeat(wanted.Function);
        long[] before = Asked();
        step.Run();
        Assert.Equal(before[0], Asked()[0]);
        before = Asked();
        for (int i = 1; i < Steps; i++)
            step.Run();
        Assert.Equal(before, Asked());

        long[] Asked() => [.. new[] { "cuMemAllocAsync", "cuLaunchKernel", "cuLaunchKernelEx", "cuMemcpyDtoDAsync_v2", "cuMemcpyHtoDAsync_v2" }.Select(setup.Emulator.Count)];
    });

    // A loop begins with the memory that the one before it left, so from some loop on each is given the same.
    [Fact]
    public void Loops_OfTheSameWork_AreRecordedOnce() => Run(DType.F16, (setup, ops) =>
    {
        long[] asked = [];
        for (int loop = 0; loop < 4; loop++)
        {
            setup.Emulator.Reset();
            RequireWhole(ops);
            asked = [.. new[] { "cuGraphInstantiateWithFlags", "graphs", "cuMemAllocAsync", "cuGraphExecDestroy" }.Select(setup.Emulator.Count)];
            Assert.Equal(loop == 0 ? [1, Steps - 1] : [asked[0], Steps - 1 + (1 - asked[0])], asked[..2]);
        }

        Assert.Equal([0, Steps, 0, 0], asked);

        // Other work of the same kernels at the same addresses, with another number in one of them.
        setup.Emulator.Reset();
        RequireWhole(ops, Activation.Silu);
        Assert.Equal(1, setup.Emulator.Count("cuGraphInstantiateWithFlags"));
    });

    [Fact]
    public void Loops_AtOnce_HaveGraphsOfTheirOwn() => Run(DType.F32, (setup, ops) =>
    {
        using TensorScope scope = ops.Scope();
        Tensor x = ops.Upload([1f, 2, 3], [3]), y = ops.Upload([5f, 6, 7], [3]);
        for (int i = 0; i < 6; i++)
            ops.Repeat(_ => ops.Assign(x, y)).Dispose(); // never asked for, never recorded
        Assert.Equal(0, setup.Emulator.Count("cuGraphInstantiateWithFlags"));
        foreach (int _ in new int[2])
        {
            using RepeatedStep one = Copies(), other = Copies();
            for (int i = 0; i < 3; i++)
            {
                one.Run();
                other.Run();
            }
        }

        Assert.Equal(2, setup.Emulator.Count("cuGraphInstantiateWithFlags")); // their counters are two, so that no graph serves both
        Assert.Equal([5f, 6, 7], ops.Values(x));

        RepeatedStep Copies() => ops.Repeat(_ => ops.Assign(x, y));
    });

    [Fact]
    public void Graphs_AreKeptOfTheLastLoopsAlone() => Run(DType.F32, (setup, ops) =>
    {
        using TensorScope scope = ops.Scope();
        Tensor x = ops.Upload(new float[64], [64]), y = ops.Upload(new float[64], [64]);
        long Recorded(int values)
        {
            long before = setup.Emulator.Count("cuGraphInstantiateWithFlags");
            using RepeatedStep step = ops.Repeat(_ => ops.Assign(x.Slice(0, values), y.Slice(0, values)));
            step.Run();
            return setup.Emulator.Count("cuGraphInstantiateWithFlags") - before;
        }

        Assert.All([1, 2, 3, 4], values => Assert.Equal(1, Recorded(values)));
        Assert.All([1, 2, 3, 4], values => Assert.Equal(0, Recorded(values)));
        Assert.Equal([1, 0, 1], [Recorded(5), Recorded(2), Recorded(1)]); // for 5 the graph of 1 went
        Assert.Equal(2, setup.Emulator.Count("cuGraphExecDestroy"));
    });

    // The rows of a weight that was loaded for doubled maps are made when its memory is planned, with their values.
    [Fact]
    public void EnlargementToAnOddSize_HasItsWeight() => Run(DType.F32, (_, ops) =>
    {
        using TensorScope scope = ops.Scope();
        Draw draw = new(5);
        ConvGeometry geometry = new ConvGeometry(1, 1) with { UpsampleHeight = 15, UpsampleWidth = 15 };
        Tensor x = ops.Normal(draw, [1, 8, 8, 8]), y = ops.Upload(new float[15 * 15 * 8], [1, 15, 15, 8]);
        ArrayWeightSource source = new("w", [8, 8, 3, 3], draw.Normal([8, 8, 3, 3]));
        using Weight own = ops.LoadWeight(source, WeightRole.DoublingConv2d), plain = ops.LoadWeight(source, WeightRole.Conv2d);
        using RepeatedStep step = ops.Repeat(_ =>
        {
            using TensorScope inner = ops.Scope();
            ops.Assign(y, ops.Conv2d(x, own, geometry, default));
        });
        float[] wanted = ops.Values(ops.Conv2d(x, plain, geometry, default));
        for (int i = 0; i < 2; i++)
        {
            step.Run();
            Assert.Equal(wanted, ops.Values(y));
        }
    });

    [Fact]
    public void Host_IsThreeStepsAheadAtMost_AndAHangIsToldWithItsStep() => Setup.RunToLoss(setup =>
    {
        const int NotReady = 600;
        using CudaOps ops = new(new CudaOptions { Storage = DType.F32, Patience = TimeSpan.FromMilliseconds(20) });
        using ReferenceSteps wanted = new(ops);
        using RepeatedStep step = ops.Repeat(wanted.Function);
        step.Run();
        setup.Emulator.Reset();
        for (int i = 1; i < 3; i++)
            step.Run();
        Assert.Equal((2, 0), (setup.Emulator.Count("graphs"), setup.Emulator.Count("cuEventQuery")));
        setup.Emulator.Fault("cuEventQuery", 1, NotReady); // behind once: asked again
        step.Run();
        Assert.Equal((3, 2), (setup.Emulator.Count("graphs"), setup.Emulator.Count("cuEventQuery")));

        setup.Emulator.Fault("cuEventQuery", 0, NotReady);
        CudaException failure = Assert.Throws<CudaException>(step.Run);
        Assert.Equal(CudaErrors.Hang, failure.Code);
        Assert.Matches(@"^the device has not come to the end of step 1 within 0 s; last launch: ", failure.Message);
        Assert.Equal(3, setup.Emulator.Count("graphs")); // it was not asked for another
    });

    [Fact]
    public void Misuse_IsTold() => Run(DType.F32, (_, ops) =>
    {
        using TensorScope scope = ops.Scope();
        using ReferenceSteps wanted = new(ops);
        Tensor x = ops.Upload([1f], [1]);
        using (RepeatedStep step = ops.Repeat(wanted.Function))
        {
            for (int i = 0; i < Steps; i++)
                step.Run();
            Assert.Equal("Repeat: step 5 has no row in a table of 5.", Assert.Throws<ShapeException>(step.Run).Message);
        }

        Assert.StartsWith(
            "Upload within a repeated step, which is recorded", Assert.Throws<InvalidOperationException>(() => ops.Repeat(_ => ops.Upload([1f], [1]))).Message, StringComparison.Ordinal);

        int calls = 0;
        using RepeatedStep differs = ops.Repeat(_ => ops.RepeatBatch(x, calls++ == 0 ? 1 : 1000));
        Assert.StartsWith("A repeated step asked for other memory", Assert.Throws<InvalidOperationException>(differs.Run).Message, StringComparison.Ordinal);
        Assert.Throws<ObjectDisposedException>(differs.Run); // the device may have counted on

        RequireWhole(ops);
    });

    [Theory]
    [InlineData("cuMemAllocAsync", 1)]
    [InlineData("cuMemAllocAsync", 3)] // while the memory is planned
    [InlineData("cuStreamBeginCapture_v2", 1)]
    [InlineData("cuLaunchKernel", 2)]
    [InlineData("cuLaunchKernel", 8)] // while recording
    [InlineData("cuStreamEndCapture", 1)]
    [InlineData("cuGraphInstantiateWithFlags", 1)]
    [InlineData("cuEventCreate", 2)]
    [InlineData("cuEventRecord", 2)] // of the first step's end
    public void FailedRecording_LeavesTheEngine(string call, int nth) => Run(DType.F32, (setup, ops) =>
    {
        const int OutOfMemory = 2;
        using (ReferenceSteps wanted = new(ops))
        {
            setup.Emulator.Fault(call, nth, OutOfMemory);
            Assert.Throws<CudaException>(() =>
            {
                using RepeatedStep step = ops.Repeat(wanted.Function);
                step.Run();
            });
        }

        setup.Emulator.Reset();
        RequireWhole(ops);
    });

    [Fact]
    public void Cancel_AtEveryStep_LeavesTheEngine() => Run(DType.F32, (_, ops) =>
    {
        int live = ops.LiveTensorCount;
        for (int at = 0; at < Steps; at++)
        {
            using ReferenceSteps wanted = new(ops);
            using CancellationTokenSource source = new();
            using CancellableOps cancellable = new(ops, source.Token);
            using RepeatedStep step = cancellable.Repeat(index => wanted.On(cancellable, index));
            for (int i = 0; i < at; i++)
                step.Run();
            source.Cancel();
            Assert.Throws<OperationCanceledException>(step.Run);
        }

        Assert.Equal(live, ops.LiveTensorCount);
        RequireWhole(ops);
    });

    // Whatever went wrong before: all steps are what they should be.
    private static void RequireWhole(CudaOps ops, Activation activation = Activation.Gelu)
    {
        using ReferenceSteps wanted = new(ops) { Activation = activation }, replayed = new(ops) { Activation = activation };
        using (RepeatedStep step = ops.Repeat(replayed.Function))
        {
            for (int i = 0; i < Steps; i++)
                step.Run();
        }

        for (int i = 0; i < Steps; i++)
            wanted.Function(new StepIndex(i));

        Assert.Equal(ops.Values(wanted.State), ops.Values(replayed.State));
    }

    private static void Run(DType storage, Action<Setup, CudaOps> test) => Setup.Run(setup =>
    {
        using CudaOps ops = new(new CudaOptions { Storage = storage });
        test(setup, ops);
    });

    /// <summary>A function with tables, temporary tensors and a state.</summary>
    private sealed class ReferenceSteps : IDisposable
    {
        private readonly CudaOps _ops;
        private readonly TensorScope _scope;
        private readonly Tensor[] _tables;
        private readonly Tensor _factors, _fault;

        public ReferenceSteps(CudaOps ops)
        {
            Draw draw = new(3);
            _ops = ops;
            _scope = ops.Scope();
            // 40 tables are more than one launch takes.
            _tables = [.. Enumerable.Range(0, 40).Select(i => ops.Normal(draw, [Steps, 2 + i]))];
            State = ops.Normal(draw, [2, 3]);
            _factors = ops.Upload([.. Enumerable.Range(0, Steps).SelectMany(i => new[] { 0.5f + i, -1, 0.25f * i, i == 2 ? 0.5f : float.PositiveInfinity })], [Steps, 4]);
            _fault = ops.Upload([0f, 0, 0], [3]);
        }

        public Tensor State { get; }

        public Activation Activation { get; init; } = Activation.Gelu;

        public void Function(StepIndex step) => On(_ops, step);

        public void On(ITensorOps ops, StepIndex step)
        {
            using TensorScope scope = ops.Scope();
            Tensor[] rows = new Tensor[_tables.Length];
            ops.SelectRows(_tables, step, rows);
            Tensor wide = ops.Concat([rows[4].Reshape([6]), rows[34].Reshape([36])]); // [42]
            Tensor narrow = scope.Swap(wide, ops.Activate(wide, Activation)).Slice(30, 6).Reshape([2, 3]);
            ops.Advance([new StepSum(State, new[] { State, narrow, rows[4].Reshape([2, 3]) })], _factors, step);
            ops.FirstFault(State, step, _fault);
        }

        public void Dispose() => _scope.Dispose();
    }
}
