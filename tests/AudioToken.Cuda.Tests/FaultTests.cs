using AudioToken.Backends.Cuda;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Backends.Cuda.Memory;
using AudioToken.Tensors;
using Xunit;

namespace AudioToken.Cuda.Tests;

/// <summary>Every call of a job may fail: it is told with its name, nothing is left behind, and the next job runs.</summary>
public sealed class FaultTests
{
    private const int InvalidValue = 1, OutOfMemory = 2, UnsupportedPtx = 222, NotReady = 600, IllegalAddress = 700, EccError = 214;

    public static TheoryData<string, int> Calls => [.. Job.Calls];

    [Theory]
    [MemberData(nameof(Calls))]
    public void AnyCall_MayFail(string call, int times) => Setup.Run(setup =>
    {
        Job.Run(setup);
        Assert.True(setup.Emulator.Count(call) >= times, $"the job calls {call} {setup.Emulator.Count(call)} times");
        for (long nth = 1; nth <= times; nth++)
        {
            setup.Emulator.Reset();
            setup.Emulator.Fault(call, nth, InvalidValue);
            CudaException failure = Assert.Throws<CudaException>(() => Job.Run(setup));
            if (call.StartsWith("cu", StringComparison.Ordinal))
                Assert.Contains($"{call} failed with CUDA_ERROR_INVALID_VALUE (1)", failure.Message, StringComparison.Ordinal);
            setup.Emulator.Reset();
            Job.Run(setup);
        }
    });

    [Fact]
    public void OutOfMemory_AtEachAllocation_LeavesTheDeviceUsable() => Setup.Run(setup =>
    {
        Job.Run(setup);
        foreach (string call in new[] { "cuMemAllocAsync", "cuMemHostAlloc" })
        {
            for (int nth = 1; nth <= 2; nth++)
            {
                setup.Emulator.Reset();
                setup.Emulator.Fault(call, nth, OutOfMemory);
                using CudaContext context = new();
                CudaException failure = Assert.Throws<CudaException>(() => Job.Run(setup, context));
                Assert.Equal(CudaErrors.Memory, failure.Code);
                Assert.False(failure.IsDeviceLost);
                Job.Run(setup, context, count: 10); // the same engine, the next smaller job
            }
        }
    });

    [Fact]
    public void OutOfMemory_SaysNeedAndRoom() => Setup.Run(setup =>
    {
        setup.Emulator.Set("memory", 100_000_000);
        using CudaContext context = new();
        using DeviceMemory memory = new(context);
        DeviceBlock small = memory.Take(60_000_000);
        CudaException failure = Assert.Throws<CudaException>(() => memory.Take(50_000_000));
        Assert.Equal("cuda:0 has not enough memory: 51 MB wanted beside 61 MB in use here; 40 of 100 MB are free", failure.Message);
        Assert.Contains("draw a smaller picture", failure.Hint, StringComparison.Ordinal);

        // What waits unused is given up before an allocation fails.
        memory.GiveBack(small);
        memory.GiveBack(memory.Take(90_000_000));
        Assert.Equal(90_000_384, memory.HeldBytes);
    });

    [Fact]
    public void OutOfMemory_OfAWeight_FreesWhatTensorsLeft() => Setup.Run(setup =>
    {
        setup.Emulator.Set("execute", 0);
        setup.Emulator.Set("memory", 100_000_000);
        using CudaOps ops = new(new CudaOptions { Storage = DType.F32, KernelCacheFolder = null });
        using (ops.Scope())
            ops.Upload(new float[15_000_000], [15_000_000]);
        using Weight weight = ops.LoadWeight(new ArrayWeightSource("w", [1000, 15_000], new float[15_000_000]), WeightRole.Linear);
        Assert.Equal(60_000_256, ops.WeightBytes);
    });

    // Those after which the context, or the process, is of no use: of cuda.h, with some that came with CUDA 12 and 13.
    [Theory]
    [InlineData(214), InlineData(226), InlineData(700), InlineData(702), InlineData(709), InlineData(710), InlineData(714), InlineData(719), InlineData(721), InlineData(999)]
    public void StickyErrors_LoseTheDevice(int code) => Assert.True(CudaCall.LosesDevice((CudaResult)code));

    [Theory]
    [InlineData(IllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS")]
    [InlineData(EccError, "CUDA_ERROR_ECC_UNCORRECTABLE")]
    public void LostDevice_IsToldOnce_AndMayBeReset(int code, string name) => Setup.RunToLoss(setup =>
    {
        CudaContext context = new();
        setup.Emulator.Fault("kernel:activate_f32", 1, code);
        CudaException failure = Assert.Throws<CudaException>(() => Job.Run(setup, context));
        Assert.Equal(CudaErrors.DeviceLost, failure.Code);
        Assert.Contains(name, failure.Message, StringComparison.Ordinal);
        Assert.Contains("last launch: activate_f32, grid 2x1x1, 64 threads, 0 bytes shared", failure.Message, StringComparison.Ordinal);

        CudaException again = Assert.Throws<CudaException>(context.Enter);
        Assert.StartsWith("the device was lost earlier: ", again.Message, StringComparison.Ordinal);
        context.Reset();
        Assert.Throws<ObjectDisposedException>(context.Enter);
        context.Dispose();
        Job.Run(setup);
    });

    [Fact]
    public void Hang_EndsWithTheKernelsName() => Setup.RunToLoss(setup =>
    {
        using CudaContext context = new() { Patience = TimeSpan.FromMilliseconds(20) };
        setup.Emulator.Fault("cuStreamQuery", 0, NotReady);
        CudaException failure = Assert.Throws<CudaException>(() => Job.Run(setup, context));
        Assert.Equal(CudaErrors.Hang, failure.Code);
        Assert.Equal("the device has not come to an end within 0 s; last launch: a graph of 1 kernels", failure.Message);
    });

    [Fact]
    public void Hang_EndsAnUploadToo() => Setup.RunToLoss(setup =>
    {
        using CudaContext context = new() { Patience = TimeSpan.FromMilliseconds(20) };
        using DeviceMemory memory = new(context);
        using PinnedStaging staging = new(context);
        DeviceBlock block = memory.Take(4);
        setup.Emulator.Fault("cuEventQuery", 0, NotReady); // the copy before, behind a kernel that does not end
        CudaException failure = Assert.Throws<CudaException>(() => staging.Upload(new byte[4], block.Pointer));
        Assert.Equal((CudaErrors.Hang, "the device has not come to the end of a copy within 0 s"), (failure.Code, failure.Message));
    });

    [Fact]
    public void Hang_DoesNotHoldUpWhoeverCleansUp() => Setup.RunToLoss(setup =>
    {
        using CudaContext context = new() { Patience = TimeSpan.FromMilliseconds(20) };
        using (new PinnedStaging(context))
        {
            setup.Emulator.Reset();
            setup.Emulator.Fault("cuStreamQuery", 0, NotReady);
        }

        // The driver would wait for the device before it frees memory that it may be copying to.
        Assert.Equal(0, setup.Emulator.Count("cuMemFreeHost"));
        Assert.Contains("has not come to an end", Assert.Throws<CudaException>(context.Enter).Message, StringComparison.Ordinal);
    });

    [Fact]
    public void Driver_AndDevice_MustBeNewEnough() => Setup.Run(setup =>
    {
        setup.Emulator.Set("driver", 11080);
        CudaException failure = Assert.Throws<CudaException>(() => new CudaContext());
        Assert.Equal(CudaErrors.OldDriver, failure.Code);
        Assert.Equal("the NVIDIA driver supports CUDA 11.8; CUDA 12.0 or newer is wanted", failure.Message);
        setup.Emulator.Set("driver", 12000);

        setup.Emulator.Set("capability", 75);
        failure = Assert.Throws<CudaException>(() => new CudaContext());
        Assert.Equal(CudaErrors.OldDevice, failure.Code);
        Assert.Equal("CUDA device 0 (Emulated device) is sm_75; the kernels want sm_80 or newer", failure.Message);
        setup.Emulator.Set("capability", 80);

        setup.Emulator.Set("nvrtc", 11080);
        failure = Assert.Throws<CudaException>(() => Job.Run(setup));
        Assert.Equal(CudaErrors.NoCompiler, failure.Code);
        Assert.Equal("NVRTC is of CUDA 11.8; 12.0 or newer is wanted", failure.Message);
        setup.Emulator.Set("nvrtc", 12000);

        setup.Emulator.Set("driver", 12040);
        setup.Emulator.Fault("cuModuleLoadData", 1, UnsupportedPtx);
        failure = Assert.Throws<CudaException>(() => Job.Run(setup));
        Assert.Equal(CudaErrors.OldDriver, failure.Code);
        Assert.StartsWith("cuModuleLoadData failed with ", failure.Message, StringComparison.Ordinal);
        Assert.EndsWith("; module activate.cu; the driver is for CUDA 12.4, the kernel was compiled by nvrtc 12.0", failure.Message, StringComparison.Ordinal);
        Assert.Equal("install an NVIDIA driver that is as new as the kernels' compiler, or NVRTC as old as the driver (AUDIOTOKEN_NVRTC names its file)", failure.Hint);
        Job.Run(setup);
    });

    [Fact]
    public void Device_MustExist() => Setup.Run(setup =>
    {
        setup.Emulator.Set("devices", 2);
        Assert.Equal(2, CudaDevice.All().Count);
        CudaException failure = Assert.Throws<CudaException>(() => new CudaContext(2));
        Assert.Equal(CudaErrors.NoDevice, failure.Code);
        Assert.StartsWith("CUDA device 2 does not exist; there are 2 devices, counted from 0", failure.Message, StringComparison.Ordinal);
        setup.Emulator.Set("devices", 0);
        Assert.Equal(CudaErrors.NoDevice, CudaDevice.WhyNone()?.Code);
    });

    [Fact]
    public void Dispose_IsFinal_AndMayBeRepeated() => Setup.Run(_ =>
    {
        CudaContext context = new();
        DeviceMemory memory = new(context);
        DeviceBlock block = memory.Take(100);
        memory.Dispose();
        memory.Dispose();
        memory.GiveBack(block);
        Assert.Throws<ObjectDisposedException>(() => memory.Take(1));
        context.Dispose();
        context.Dispose();
        Assert.Throws<ObjectDisposedException>(context.Enter);
        Assert.Throws<ObjectDisposedException>(() => context.MemoryInfo());
    });

    [Fact]
    public void FiftyJobs_LeaveNothing() => Setup.Run(setup =>
    {
        for (int i = 0; i < 50; i++)
            Job.Run(setup);
        Assert.Equal(0, setup.Emulator.Count("bytes"));
    });

    [Fact]
    public void Arguments_AreHeldToTheParameters() => Setup.Run(setup =>
    {
        using CudaContext context = new();
        using var library = setup.Library(context);
        CudaKernel kernel = library.Get("activate.cu", "activate_f32");
        KernelArguments arguments = new();
        arguments.Add(default(DevicePointer));
        Assert.Equal("kernel activate_f32 has 4 parameters, not 1", Message(ref arguments));
        arguments.Add(default(DevicePointer));
        arguments.Add(3);
        arguments.Add(1);
        Assert.Equal("parameter 2 of kernel activate_f32 has 8 bytes, the argument 4", Message(ref arguments));

        string Message(ref KernelArguments given)
        {
            try
            {
                context.Launch(kernel, new LaunchShape(1, 32), ref given);
                return "";
            }
            catch (ArgumentException exception)
            {
                return exception.Message;
            }
        }
    });

    [Fact]
    public void ParametersAreAskedFor_OnceAndNoneThatIsNotThere() => Setup.Run(setup =>
    {
        Job.Run(setup); // one kernel, launched twice
        Assert.Equal((1, 4), (setup.Emulator.Count("cuFuncGetParamCount"), setup.Emulator.Count("cuFuncGetParamInfo")));

        // A driver that fails there is told of by the launch.
        setup.Emulator.Reset();
        setup.Emulator.Fault("cuFuncGetParamInfo", 1, NotReady);
        setup.Emulator.Fault("cuLaunchKernel", 1, InvalidValue);
        Assert.StartsWith("cuLaunchKernel failed with CUDA_ERROR_INVALID_VALUE", Assert.Throws<CudaException>(() => Job.Run(setup)).Message, StringComparison.Ordinal);
    });

    [Fact]
    public void Kernels_SayWhatTheyLack() => Setup.Run(setup =>
    {
        using CudaContext context = new();
        using var library = setup.Library(context);
        CudaException failure = Assert.Throws<CudaException>(() => library.Get("activate.cu", "activate_f64"));
        Assert.Equal("cuModuleGetFunction failed with CUDA_ERROR_NOT_FOUND (500): CUDA_ERROR_NOT_FOUND; kernel activate_f64 in activate.cu", failure.Message);
        failure = Assert.Throws<CudaException>(() => library.Get("activate.cu", "activate_f32").AllowShared(300_000));
        Assert.Contains("kernel activate_f32 wants 300000 bytes of shared memory; Emulated device gives 232448", failure.Message, StringComparison.Ordinal);
    });
}
