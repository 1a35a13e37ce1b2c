using System.Runtime.InteropServices;
using AudioToken.Backends.Cuda.Compilation;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Backends.Cuda.Memory;
using Xunit;

namespace AudioToken.Cuda.Tests;

/// <summary>A small use of every layer: upload, launch, recorded launch, download.</summary>
internal static class Job
{
    /// <summary>Functions of the driver and the compiler whose failure a job must report, and in how many of its calls: those that clean
    /// up have no one to tell.</summary>
    public static readonly (string Call, int Times)[] Calls =
    [
        ("cuDriverGetVersion", 1), ("cuInit", 1), ("cuDeviceGetCount", 1), ("cuDeviceGet", 1), ("cuDeviceGetName", 1), ("cuDeviceGetAttribute", 5),
        ("cuDeviceTotalMem_v2", 1), ("cuDevicePrimaryCtxRetain", 1), ("cuCtxSetCurrent", 1), ("cuStreamCreate", 1), ("cuMemAllocAsync", 2),
        ("cuMemHostAlloc", 2), ("cuEventCreate", 2), ("cuEventQuery", 2), ("cuMemcpyHtoDAsync_v2", 1), ("cuEventRecord", 1),
        ("cuModuleLoadData", 1), ("cuModuleGetFunction", 1), ("cuLaunchKernel", 2), ("cuStreamBeginCapture_v2", 1), ("cuStreamEndCapture", 1),
        ("cuGraphInstantiateWithFlags", 1), ("cuGraphLaunch", 1), ("cuMemcpyDtoHAsync_v2", 1), ("cuStreamQuery", 1),
        ("nvrtcCreateProgram", 1), ("nvrtcCompileProgram", 1),
    ];

    public static void Run(Setup setup, string? cache = null, int count = 100)
    {
        using CudaContext context = new();
        Run(setup, context, cache, count);
    }

    public static void Run(Setup setup, CudaContext context, string? cache = null, int count = 100)
    {
        using KernelLibrary library = setup.Library(context, cache);
        using DeviceMemory memory = new(context);
        using PinnedStaging staging = new(context);
        float[] x = [.. Enumerable.Range(0, count).Select(i => i / 50f)], y = new float[count];
        DeviceBlock input = memory.Take(count * sizeof(float)), output = memory.Take(count * sizeof(float));
        staging.Upload(MemoryMarshal.AsBytes<float>(x), input.Pointer);
        Relu(context, library, output, input, count);
        using (CudaGraph graph = context.Capture(() => Relu(context, library, output, output, count)))
            context.Launch(graph);
        staging.Download(output.Pointer, MemoryMarshal.AsBytes(y.AsSpan()));
        Assert.Equal(x, y);
        memory.GiveBack(input);
        memory.GiveBack(output);
    }

    private static void Relu(CudaContext context, KernelLibrary library, DeviceBlock y, DeviceBlock x, int count)
    {
        KernelArguments arguments = new();
        arguments.Add(y.Pointer);
        arguments.Add(x.Pointer);
        arguments.Add((nuint)count);
        arguments.Add(4);
        context.Launch(library.Get("activate.cu", "activate_f32"), new LaunchShape(2, 64), ref arguments);
    }
}
