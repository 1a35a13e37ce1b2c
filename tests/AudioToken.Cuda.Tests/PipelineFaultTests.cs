using AudioToken.Backends.Cuda;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Bench;
using AudioToken.Models.Vae;
using AudioToken.Pipelines;
using AudioToken.Sampling;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Cuda.Tests;

/// <summary>What befalls the device in the midst of a picture is told as what it is, and the engine draws the next one (RELIABILITY 48 to 50, 53, 55, 56, 58).</summary>
/// <remarks>Where a job is ended at each of its calls, the emulated device counts and does not run: a job takes milliseconds.</remarks>
public sealed class PipelineFaultTests
{
    private const int OutOfMemory = 2, NotReady = 600, IllegalAddress = 700, EccError = 214;

    private static readonly GenerationRequest s_job = new()
    {
        Samples = WeightFormula.Uniform("fault/samples", [2800]), Prompt = "<*>", Seed = 1, Sampler = SamplerKind.EulerAncestral, Steps = 3, Width = 64, Height = 64,
    };

    private static readonly GenerationRequest s_smaller = s_job with { Steps = 1, GuidanceScale = 1 };

    private static CancellationToken TestEnd => TestContext.Current.CancellationToken;

    [Fact]
    public void OutOfMemory_AtEachAllocation_EndsThatJobAlone() => Setup.Run(setup =>
    {
        setup.Emulator.Set("execute", 0);
        using AudioToImagePipeline engine = Engine(out CudaOps ops);
        long held = ops.Memory.LiveBytes;
        int failed = 0, inStrips = 0;
        while (true)
        {
            Empty(setup, ops);
            setup.Emulator.Reset();
            // Twice: after the first refusal, what waits in the pool is freed and the driver is asked again.
            setup.Emulator.Fault("cuMemAllocAsync", failed + 1, OutOfMemory);
            setup.Emulator.Fault("cuMemAllocAsync", failed + 1, OutOfMemory);
            GenerationResult? result = null;
            if (Record.Exception(() => result = engine.Generate(s_job, cancellation: TestEnd)) is { } met)
            {
                CudaException failure = Assert.IsType<CudaException>(met);
                Assert.Equal(CudaErrors.Memory, failure.Code);
                Assert.Contains("cuda:0 has not enough memory: ", failure.Message, StringComparison.Ordinal);
                Assert.StartsWith("draw a smaller picture", failure.Hint, StringComparison.Ordinal);
            }
            else if (result!.Warnings.Count == 0)
            {
                break; // there is no such allocation any more
            }
            else
            {
                Assert.Matches(@"^cuda:0 has not enough memory: .* \(seed 1\): the picture was decoded in strips, as by --tiled-vae$", Assert.Single(result.Warnings));
                inStrips++;
            }

            Assert.Equal((held, 0), (ops.Memory.LiveBytes, ops.LiveTensorCount));
            setup.Emulator.Reset();
            engine.Generate(s_smaller, cancellation: TestEnd);
            failed++;
        }

        Assert.InRange(failed, 50, 200);
        Assert.InRange(inStrips, 1, failed / 2);
    });

    // Whoever cleans up has no one to tell; names of errors, logs and parameters are asked for where they can be had; without a version there is no cache.
    private static readonly string[] s_mayFail =
    [
        "cuMemFreeAsync", "cuMemFreeHost", "cuStreamDestroy_v2", "cuEventDestroy_v2", "cuModuleUnload", "cuGraphDestroy", "cuGraphExecDestroy", "cuDevicePrimaryCtxRelease_v2",
        "nvrtcDestroyProgram", "cuFuncGetParamCount", "cuFuncGetParamInfo", "nvrtcVersion", "nvrtcGetProgramLogSize", "nvrtcGetProgramLog",
    ];

    [Fact]
    public void EveryCall_OfLoadingAndDrawing_MayFail() => Setup.Run(setup =>
    {
        const int InvalidValue = 1;
        setup.Emulator.Set("execute", 0);
        Draw();
        string[] calls = [.. setup.Emulator.Counts().Keys.Where(call => call.StartsWith("cu", StringComparison.Ordinal) || call.StartsWith("nvrtc", StringComparison.Ordinal))];
        Assert.All((string[])["cuLaunchKernel", "cuLaunchKernelEx", "cuFuncSetAttribute", "cuEventQuery", "nvrtcGetCUBIN"], call => Assert.Contains(call, calls));
        foreach (string call in calls.Except(s_mayFail))
        {
            setup.Emulator.Reset();
            setup.Emulator.Fault(call, 1, InvalidValue);
            Exception? failure = Record.Exception(Draw);
            Assert.True(failure is CudaException, $"{call} failed, and what came of it: {failure}");
            if (call.StartsWith("cu", StringComparison.Ordinal))
                Assert.StartsWith($"{call} failed with CUDA_ERROR_INVALID_VALUE (1)", failure.Message, StringComparison.Ordinal);
            setup.Emulator.Reset();
            Draw();
        }

        static void Draw()
        {
            using AudioToImagePipeline engine = Engine(out CudaOps ops);
            engine.Generate(s_job with { Steps = 5 }, cancellation: TestEnd);
            using TensorScope scope = ops.Scope();
            using Weight vector = ops.Weight(new Draw(1), WeightRole.Vector, [320]);
            ops.GroupNorm(ops.Upload(new float[300 * 320], [1, 300, 320]), vector, vector, 32, 1e-5f); // by clusters, as in the decoder of a large picture
        }
    });

    // Beside the reading of weights and beside each other, not one after the other when they are asked for.
    [Fact]
    public void Kernels_OfAPicture_AreCompiledWhileTheModelIsLoaded() => Setup.Run(setup =>
    {
        setup.Emulator.Set("execute", 0);
        long whenLoaded = Compiled(_ => { }), whenDrawn = Compiled(engine => engine.Generate(s_job, cancellation: TestEnd));
        Assert.InRange(whenLoaded, 20, 30);
        Assert.Equal(whenLoaded + 1, whenDrawn); // attention_plain.cu, for heads as narrow as this model's alone

        long Compiled(Action<AudioToImagePipeline> use)
        {
            setup.Emulator.Reset();
            using (AudioToImagePipeline engine = Engine(out _))
                use(engine);
            return setup.Emulator.Count("nvrtcCompileProgram");
        }
    });

    [Fact]
    public void ManyLoadsAndManyPictures_HoldNoMore() => Setup.Run(setup =>
    {
        setup.Emulator.Set("execute", 0);
        long[] Held() => [setup.Emulator.Count("bytes"), setup.Emulator.Count("allocations"), setup.Emulator.Count("handles"), setup.Emulator.Count("pinned")];
        long[] none = Held();
        for (int i = 0; i < 50; i++)
        {
            using (AudioToImagePipeline engine = Engine(out _))
                engine.Generate(s_smaller, cancellation: TestEnd);
            Assert.Equal(none, Held());
        }

        using AudioToImagePipeline lasting = Engine(out CudaOps ops);
        long[] settled = [];
        for (int i = 0; i < 1000; i++)
        {
            lasting.Generate(s_smaller with { Seed = (ulong)i }, cancellation: TestEnd);
            if (i == 10)
                settled = [.. Held(), ops.Memory.PeakHeldBytes];
        }

        Assert.Equal(settled, (long[])[.. Held(), ops.Memory.PeakHeldBytes]);
    });

    [Fact]
    public void OutOfMemory_WhileTheModelIsLoaded_LeavesNothing() => Setup.Run(setup =>
    {
        setup.Emulator.Set("execute", 0);
        using (Engine(out _))
        {
        }

        long calls = setup.Emulator.Count("cuMemAllocAsync"), allocations = setup.Emulator.Count("allocations"), pinned = setup.Emulator.Count("pinned");
        for (long nth = 1; nth <= calls; nth += calls / 8)
        {
            setup.Emulator.Reset();
            setup.Emulator.Fault("cuMemAllocAsync", nth, OutOfMemory);
            setup.Emulator.Fault("cuMemAllocAsync", nth, OutOfMemory);
            Assert.Equal(CudaErrors.Memory, Assert.Throws<CudaException>(() => Engine(out _)).Code);
            Assert.Equal((allocations, pinned), (setup.Emulator.Count("allocations"), setup.Emulator.Count("pinned")));
        }
    });

    [Fact]
    public void Cancellation_AtEachOperation_GivesAllBack() => Setup.Run(setup =>
    {
        setup.Emulator.Set("execute", 0);
        using CudaOps ops = new(new CudaOptions { KernelCacheFolder = null });
        CancelAt counted = new(ops);
        using AudioToImagePipeline engine = Engine(counted);
        long held = ops.Memory.LiveBytes;
        foreach (bool isRecorded in (bool[])[false, true]) // the loop's step
        {
            int nth = 1;
            for (; ; nth++)
            {
                using CancellationTokenSource source = new();
                counted.At(nth, source);
                Exception? end = Record.Exception(() => engine.Generate(s_job, cancellation: source.Token));
                Assert.Equal((held, 0), (ops.Memory.LiveBytes, ops.LiveTensorCount));
                if (end is null)
                    break; // there was no operation after it
                Assert.IsAssignableFrom<OperationCanceledException>(end);
                Assert.Equal(nth, counted.Operations); // within one operation
            }

            Assert.InRange(nth, isRecorded ? counted.Operations : 150, 2000);
        }
    });

    [Fact]
    public void NextPicture_IsThatOfAnEngineWithoutAPast() => Setup.Run(setup =>
    {
        byte[] wanted;
        using (AudioToImagePipeline fresh = Engine(out _))
            wanted = Pixels(fresh);
        using AudioToImagePipeline engine = Engine(out CudaOps ops);
        foreach (GenerationPhase phase in (GenerationPhase[])[GenerationPhase.EncodingText, GenerationPhase.Denoising, GenerationPhase.Decoding])
        {
            using CancellationTokenSource source = new();
            Assert.ThrowsAny<OperationCanceledException>(() => engine.Generate(s_job, new At(phase, source.Cancel), source.Token));
        }

        // When the largest feature maps are asked for.
        Assert.Equal(CudaErrors.Memory, Assert.Throws<CudaException>(() => engine.Generate(s_job, new At(GenerationPhase.Decoding, () => Exhaust(setup)), TestEnd)).Code);
        setup.Emulator.Reset();
        setup.Emulator.Set("memory", 8L << 30);
        Assert.Equal(wanted, Pixels(engine));
    });

    // A loop finds the memory that the one before it left, and so its recording too, whatever is drawn.
    [Fact]
    public void PicturesOfOneKind_AreRecordedOnce() => Setup.Run(setup =>
    {
        byte[] wanted;
        using (AudioToImagePipeline fresh = Engine(out _))
            wanted = Pixels(fresh);
        using AudioToImagePipeline engine = Engine(out _);
        for (ulong seed = 5; seed < 8; seed++)
            engine.Generate(s_job with { Prompt = "a <*>", Seed = seed, GuidanceScale = seed }, cancellation: TestEnd);
        setup.Emulator.Reset();
        Assert.Equal(wanted, Pixels(engine));
        Assert.Equal((0, s_job.Steps), (setup.Emulator.Count("cuGraphInstantiateWithFlags"), (int)setup.Emulator.Count("graphs")));
    });

    // As virtual GPUs may be.
    [Fact]
    public void WithoutPoolsOfMemory_TheSameIsDrawn() => Setup.Run(setup =>
    {
        const int NotSupported = 801;
        byte[] wanted;
        using (AudioToImagePipeline fresh = Engine(out _))
            wanted = Pixels(fresh);
        setup.Emulator.Reset();
        setup.Emulator.Fault("cuMemAllocAsync", 0, NotSupported);
        using (AudioToImagePipeline engine = Engine(out _))
        {
            Assert.Equal(wanted, Pixels(engine));
            Assert.Equal((1, 0), (setup.Emulator.Count("cuMemAllocAsync"), setup.Emulator.Count("cuMemFreeAsync")));
            setup.Emulator.Fault("cuMemAlloc_v2", 1, OutOfMemory);
            setup.Emulator.Fault("cuMemAlloc_v2", 1, OutOfMemory);
            Assert.Equal(CudaErrors.Memory, Assert.Throws<CudaException>(() => engine.Generate(s_job with { Width = 128 }, cancellation: TestEnd)).Code);
        }

        Assert.Equal(setup.Emulator.Count("cuMemAlloc_v2"), setup.Emulator.Count("cuMemFree_v2") + 2);
    });

    [Theory]
    [InlineData("kernel:conv2d", IllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS")]
    [InlineData("cuGraphLaunch", EccError, "CUDA_ERROR_ECC_UNCORRECTABLE")]
    public void LostDevice_IsToldToEachJob_AndANewEngineDraws(string call, int code, string name) => Setup.RunToLoss(setup =>
    {
        setup.Emulator.Set("execute", 0);
        using (AudioToImagePipeline engine = Engine(out _))
        {
            engine.Generate(s_smaller, cancellation: TestEnd);
            string kernel = call.StartsWith("kernel:", StringComparison.Ordinal) ? setup.Emulator.Counts().Keys.First(key => key.StartsWith(call, StringComparison.Ordinal)) : call;
            setup.Emulator.Fault(kernel, 1, code);
            CudaException failure = Assert.Throws<CudaException>(() => engine.Generate(s_job, cancellation: TestEnd));
            Assert.Equal(CudaErrors.DeviceLost, failure.Code);
            Assert.Contains(name, failure.Message, StringComparison.Ordinal);
            Assert.Contains("last launch: ", failure.Message, StringComparison.Ordinal);
            failure = Assert.Throws<CudaException>(() => engine.Generate(s_smaller, cancellation: TestEnd));
            Assert.StartsWith("the device was lost earlier: ", failure.Message, StringComparison.Ordinal);
        }

        using AudioToImagePipeline next = Engine(out _);
        next.Generate(s_job, cancellation: TestEnd);
    });

    [Fact]
    public void Dispose_DuringAPicture_WaitsForIt_FromAnyThread() => Setup.Run(setup =>
    {
        setup.Emulator.Set("execute", 0);
        AudioToImagePipeline engine = Engine(out CudaOps ops);
        using ManualResetEventSlim begun = new(), go = new();
        Task<GenerationResult> running = engine.GenerateAsync(s_job, new At(GenerationPhase.Denoising, () =>
        {
            begun.Set();
            go.Wait(TestEnd);
        }), TestEnd);
        begun.Wait(TestEnd);
        Task[] disposing = [Task.Run(engine.Dispose, TestEnd), Task.Run(engine.Dispose, TestEnd)];
        Assert.False(Task.WaitAny(disposing, 20, TestEnd) >= 0);
        go.Set();
        Task.WaitAll(disposing, TestEnd);
        Assert.Single(running.GetAwaiter().GetResult().Images);
        engine.Dispose();
        Assert.Throws<ObjectDisposedException>(() => { engine.GenerateAsync(s_smaller, cancellation: TestEnd).GetAwaiter().GetResult(); });
        Assert.Throws<ObjectDisposedException>(() => ops.Scope());
    });

    [Fact]
    public void TwoEnginesOfADevice_DrawAtTheSameTime_AndOneMayGo() => Setup.Run(_ =>
    {
        const int Rounds = 3;
        byte[] wanted;
        using (AudioToImagePipeline alone = Engine(out CudaOps _))
            wanted = Pixels(alone);
        using AudioToImagePipeline lasting = Engine(out CudaOps _);
        Task<byte[][]> drawing = Task.Run(() => Enumerable.Range(0, Rounds).Select(_ => Pixels(lasting)).ToArray(), TestEnd);
        for (int round = 0; round < Rounds; round++)
        {
            using AudioToImagePipeline passing = Engine(out CudaOps _); // it loads, records, draws and goes while the other is at work
            Assert.Equal(wanted, Pixels(passing));
        }

        Assert.All(drawing.GetAwaiter().GetResult(), pixels => Assert.Equal(wanted, pixels));
    });

    [Fact]
    public void Hang_EndsTheJobAndDoesNotHoldUpTheEnd() => Setup.RunToLoss(setup =>
    {
        setup.Emulator.Set("execute", 0);
        CudaOps ops = new(new CudaOptions { KernelCacheFolder = null, Patience = TimeSpan.FromMilliseconds(50) });
        using AudioToImagePipeline engine = Engine(ops);
        setup.Emulator.Fault("cuStreamQuery", 0, NotReady);
        CudaException failure = Assert.Throws<CudaException>(() => engine.Generate(s_job, cancellation: TestEnd));
        Assert.Equal(CudaErrors.Hang, failure.Code);
        Assert.StartsWith("the device has not come to an end within 0.1 s; last launch: ", failure.Message, StringComparison.Ordinal);
        Assert.Equal(CudaErrors.DeviceLost, Assert.Throws<CudaException>(() => engine.Generate(s_smaller, cancellation: TestEnd)).Code);
    });

    [Fact]
    public void CacheThatOthersWrite_IsToldAndLeftAlone() => Setup.Run(setup =>
    {
        if (OperatingSystem.IsWindows())
            return; // the emulated device is Linux's, and so are file modes
        string folder = Directory.CreateTempSubdirectory("audiotoken-cache-").FullName;
        try
        {
            File.SetUnixFileMode(folder, File.GetUnixFileMode(folder) | UnixFileMode.OtherWrite);
            setup.Emulator.Set("execute", 0);
            List<string> notes = [];
            using AudioToImagePipeline engine = Engine(new CudaOps(new CudaOptions { KernelCacheFolder = folder, Note = notes.Add }));
            engine.Generate(s_smaller, cancellation: TestEnd);
            Assert.Equal($"kernels are not cached: {folder} is writable by others", Assert.Single(notes));
            Assert.Empty(Directory.EnumerateFileSystemEntries(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    });

    [Theory]
    [InlineData(ModelComponent.Unet, "conv_out.weight", LoudModel.BeyondHalf, "noise_pred.0", "noise_pred.0 holds ")]
    [InlineData(ModelComponent.Vae, "decoder.conv_norm_out.weight", LoudModel.BeyondSingle, "image", @"image holds .* of \[1, 64, 64, 3\], in fp32 too$")]
    public void Infinity_NamesItsStage(ModelComponent component, string tensor, float loudness, string stage, string words) => Setup.Run(setup =>
    {
        CudaOps ops = new(new CudaOptions { KernelCacheFolder = null });
        using AudioToImagePipeline engine = AudioToImagePipeline.Load(new LoudModel(Files(), component, tensor, loudness), ops, s_load);
        NumericFaultException fault = Assert.Throws<NumericFaultException>(() => engine.Generate(s_smaller, cancellation: TestEnd));
        Assert.Equal((7001, stage), (fault.Code, fault.Stage));
        Assert.Matches("^" + words, fault.Message);
        Assert.Equal(0, ops.LiveTensorCount);
    });

    [Theory]
    [InlineData(DType.F16)]
    [InlineData(DType.F32)]
    public void OverflowInTheDecoder_IsDecodedAgainInFp32(DType storage) => Setup.Run(setup =>
    {
        ModelFiles files = new LoudModel(Files(), ModelComponent.Vae, "decoder.conv_out.weight");
        GenerationTrace trace = new(TraceLevel.All);
        GenerationResult result;
        CudaOps ops = new(new CudaOptions { Storage = storage, KernelCacheFolder = null });
        using (AudioToImagePipeline engine = AudioToImagePipeline.Load(files, ops, s_load))
        {
            result = engine.Generate(s_smaller with { Count = 2, Trace = trace }, cancellation: TestEnd);
            Assert.Equal(0, ops.LiveTensorCount);
        }

        if (storage == DType.F32)
        {
            Assert.Empty(result.Warnings);
            return;
        }

        Assert.Equal(2, result.Warnings.Count);
        Assert.Matches(@"^image holds -?(∞|Infinity|NaN) at \d+ of \[1, 64, 64, 3\] \(seed 2\): half precision overflowed, and the picture was decoded again in fp32$", result.Warnings[1]);

        // The very decode of a backend of fp32 that has the same weights.
        using CudaOps wide = new(new CudaOptions { Storage = DType.F32, KernelCacheFolder = null });
        using TensorCollection tensors = files.Open(ModelComponent.Vae);
        using VaeDecoder vae = VaeDecoder.Load(new RoundedOps(wide, storage), tensors, BenchModel.Synthetic(SizedModel.Tiny).Size.Vae);
        float[] latents = trace["latents.0"].Values, last = new float[8 * 8 * 4], pixels = new float[64 * 64 * 3];
        ChannelLayout.ToChannelsLast(latents.AsSpan(last.Length), last, 4, 8 * 8);
        using TensorScope scope = wide.Scope();
        wide.Download(vae.ForwardTiled(wide, vae.Unscale(wide, wide.Upload(last, [1, 8, 8, 4]))), pixels);
        Assert.Equal(Array.ConvertAll(pixels, Rgb8.Of), result.Images[1].Pixels.Rgb.ToArray());
    });

    private static readonly LoadOptions s_load = new() { HashModel = false };

    private static ModelFiles Files() => BenchModel.Synthetic(SizedModel.Tiny).Files;

    private static AudioToImagePipeline Engine(out CudaOps ops) => Engine(ops = new CudaOps(new CudaOptions { KernelCacheFolder = null }));

    private static AudioToImagePipeline Engine(ITensorOps ops) => AudioToImagePipeline.Load(Files(), ops, s_load);

    private static byte[] Pixels(AudioToImagePipeline engine) => engine.Generate(s_job, cancellation: TestEnd).Images[0].Pixels.Rgb.ToArray();

    private static void Exhaust(Setup setup) => setup.Emulator.Set("memory", 0);

    // A request that nothing can serve makes the pool give up all that waits.
    private static void Empty(Setup setup, CudaOps ops)
    {
        Exhaust(setup);
        using TensorScope scope = ops.Scope();
        Assert.Throws<CudaException>(() => ops.Upload(new float[1 << 20], [1 << 20]));
        setup.Emulator.Set("memory", 8L << 30);
    }

    private sealed class At(GenerationPhase phase, Action act) : IProgress<GenerationProgress>
    {
        public void Report(GenerationProgress value)
        {
            if (value.Phase == phase && (phase != GenerationPhase.Denoising || value.Step == 2))
                act();
        }
    }

    // Cancels at the nth operation.
    private sealed class CancelAt(ITensorOps inner) : TransparentOps(inner)
    {
        private int _nth;
        private CancellationTokenSource? _source;

        public int Operations { get; private set; }

        public void At(int nth, CancellationTokenSource source) => (_nth, _source, Operations) = (nth, source, 0);

        protected override void Before(string operation)
        {
            if (++Operations == _nth)
                _source?.Cancel();
        }
    }
}
