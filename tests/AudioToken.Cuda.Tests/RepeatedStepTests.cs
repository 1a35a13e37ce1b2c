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
        using ReferenceSteps wanted = new(ops);
        long graphs = setup.Emulator.Count("graphs");
        List<Tensor> results = [];
        using TensorScope scope = ops.Scope();
        using RepeatedStep step = ops.Repeat(wanted.Function);
        for (int i = 0; i < Steps; i++)
        {
            results.Add(step.Run(wanted.Input(i)));
            // What others ask for between the steps must not have the recorded addresses.
            ops.Upload(Enumerable.Repeat(float.NaN, 4096).ToArray(), [4096]);
        }

        Assert.Equal(Steps - 1, setup.Emulator.Count("graphs") - graphs);
        for (int i = 0; i < Steps; i++)
            Assert.Equal(ops.Values(wanted.Function(wanted.Input(i), new StepIndex(i))), ops.Values(results[i])); // each in memory of its own
    });

    [Fact]
    public void Replays_AskForNoMemory() => Run(DType.F16, (setup, ops) =>
    {
        using ReferenceSteps wanted = new(ops);
        using RepeatedStep step = ops.Repeat(wanted.Function);
        Once(0);
        Once(1);
        long before = setup.Emulator.Count("cuMemAllocAsync"), launches = setup.Emulator.Count("cuLaunchKernel");
        for (int i = 2; i < Steps; i++)
            Once(i);
        Assert.Equal((before, launches), (setup.Emulator.Count("cuMemAllocAsync"), setup.Emulator.Count("cuLaunchKernel")));

        void Once(int i)
        {
            using TensorScope scope = ops.Scope();
            step.Run(wanted.Input(i));
        }
    });

    [Fact]
    public void Host_IsThreeStepsAheadAtMost_AndAHangIsToldWithItsStep() => Setup.RunToLoss(setup =>
    {
        const int NotReady = 600;
        using CudaOps ops = new(new CudaOptions { Storage = DType.F32, Patience = TimeSpan.FromMilliseconds(20) });
        using ReferenceSteps wanted = new(ops);
        using RepeatedStep step = ops.Repeat(wanted.Function);
        using TensorScope scope = ops.Scope();
        step.Run(wanted.Input(0));
        setup.Emulator.Reset();
        for (int i = 1; i < 3; i++)
            step.Run(wanted.Input(i));
        Assert.Equal((2, 0), (setup.Emulator.Count("graphs"), setup.Emulator.Count("cuEventQuery")));
        setup.Emulator.Fault("cuEventQuery", 1, NotReady); // behind once: asked again
        step.Run(wanted.Input(3));
        Assert.Equal((3, 2), (setup.Emulator.Count("graphs"), setup.Emulator.Count("cuEventQuery")));

        setup.Emulator.Fault("cuEventQuery", 0, NotReady);
        CudaException failure = Assert.Throws<CudaException>(() => step.Run(wanted.Input(4)));
        Assert.Equal(CudaErrors.Hang, failure.Code);
        Assert.Matches(@"^the device has not come to the end of step 1 within 0 s; last launch: ", failure.Message);
        Assert.Equal(3, setup.Emulator.Count("graphs")); // it was not asked for another
    });

    [Fact]
    public void Misuse_IsTold() => Run(DType.F32, (_, ops) =>
    {
        using TensorScope scope = ops.Scope();
        using ReferenceSteps wanted = new(ops);
        Tensor x = wanted.Input(0);
        using (RepeatedStep step = ops.Repeat(wanted.Function))
        {
            step.Run(x);
            Assert.Equal(
                "Repeat: x is F32 [1, 6], at the first step it was F32 [2, 3].", Assert.Throws<ShapeException>(() => step.Run(x.Reshape([1, 6]))).Message);
            for (int i = 1; i < Steps; i++)
                step.Run(x);
            Assert.Equal("Repeat: step 5 has no row in a table of 5.", Assert.Throws<ShapeException>(() => step.Run(x)).Message);
        }

        using RepeatedStep uploads = ops.Repeat((input, _) => ops.Upload([1f], new Shape(1)));
        Assert.StartsWith("Upload within a repeated step, which is recorded", Assert.Throws<InvalidOperationException>(() => uploads.Run(x)).Message, StringComparison.Ordinal);

        int calls = 0;
        using RepeatedStep differs = ops.Repeat((input, _) => calls++ == 0 ? ops.Activate(input, Activation.Silu) : ops.RepeatBatch(input, 1000));
        Assert.StartsWith("A repeated step asked for other memory", Assert.Throws<InvalidOperationException>(() => differs.Run(x)).Message, StringComparison.Ordinal);
        Assert.Throws<ObjectDisposedException>(() => differs.Run(x)); // the device has counted on

        // The engine is none the worse for it.
        using RepeatedStep again = ops.Repeat(wanted.Function);
        Assert.Equal(ops.Values(wanted.Function(x, new StepIndex(0))), ops.Values(again.Run(x)));
    });

    [Theory]
    [InlineData("cuMemAllocAsync", 1)]
    [InlineData("cuMemcpyDtoDAsync_v2", 1)]
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
        using ReferenceSteps wanted = new(ops);
        Tensor x = wanted.Input(0);
        setup.Emulator.Fault(call, nth, OutOfMemory);
        using (RepeatedStep step = ops.Repeat(wanted.Function))
        {
            using TensorScope scope = ops.Scope();
            Assert.Throws<CudaException>(() => step.Run(x));
        }

        setup.Emulator.Reset();
        using TensorScope after = ops.Scope();
        using RepeatedStep again = ops.Repeat(wanted.Function);
        for (int i = 0; i < Steps; i++)
            Assert.Equal(ops.Values(wanted.Function(x, new StepIndex(i))), ops.Values(again.Run(x)));
    });

    [Fact]
    public void Cancel_AtEveryStep_LeavesTheEngine() => Run(DType.F32, (_, ops) =>
    {
        using ReferenceSteps wanted = new(ops);
        int live = ops.LiveTensorCount;
        for (int at = 0; at < Steps; at++)
        {
            using CancellationTokenSource source = new();
            using CancellableOps cancellable = new(ops, source.Token);
            using TensorScope scope = cancellable.Scope();
            using RepeatedStep step = cancellable.Repeat((x, index) => wanted.On(cancellable, x, index));
            for (int i = 0; i < at; i++)
                step.Run(wanted.Input(i));
            source.Cancel();
            Assert.Throws<OperationCanceledException>(() => step.Run(wanted.Input(at)));
        }

        Assert.Equal(live, ops.LiveTensorCount);
        using TensorScope after = ops.Scope();
        using RepeatedStep again = ops.Repeat(wanted.Function);
        Assert.Equal(ops.Values(wanted.Function(wanted.Input(0), new StepIndex(0))), ops.Values(again.Run(wanted.Input(0))));
    });

    private static void Run(DType storage, Action<Setup, CudaOps> test) => Setup.Run(setup =>
    {
        using CudaOps ops = new(new CudaOptions { Storage = storage });
        test(setup, ops);
    });

    /// <summary>A function with tables, temporary tensors and a result that is none of its operands.</summary>
    private sealed class ReferenceSteps : IDisposable
    {
        private readonly CudaOps _ops;
        private readonly TensorScope _scope;
        private readonly Tensor[] _tables;
        private readonly Tensor[] _inputs;

        public ReferenceSteps(CudaOps ops)
        {
            Draw draw = new(3);
            _ops = ops;
            _scope = ops.Scope();
            // 40 tables are more than one launch takes.
            _tables = [.. Enumerable.Range(0, 40).Select(i => ops.Normal(draw, [Steps, 2 + i]))];
            _inputs = [.. Enumerable.Range(0, Steps).Select(_ => ops.Normal(draw, [2, 3]))];
        }

        public Tensor Input(int step) => _inputs[step];

        public Tensor Function(Tensor x, StepIndex step) => On(_ops, x, step);

        public Tensor On(ITensorOps ops, Tensor x, StepIndex step)
        {
            using TensorScope scope = ops.Scope();
            Tensor[] rows = new Tensor[_tables.Length];
            ops.SelectRows(_tables, step, rows);
            Tensor wide = ops.Concat([rows[4].Reshape([6]), rows[34].Reshape([36])]); // [42]
            Tensor narrow = scope.Swap(wide, ops.Activate(wide, Activation.Gelu)).Slice(30, 6).Reshape([2, 3]);
            return scope.Keep(ops.WeightedSum([new(x, 2), new(narrow, -1), new(rows[4].Reshape([2, 3]), 0.5f)]));
        }

        public void Dispose() => _scope.Dispose();
    }
}
