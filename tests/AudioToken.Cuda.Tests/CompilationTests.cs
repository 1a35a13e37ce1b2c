using AudioToken.Backends.Cuda.Compilation;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Backends.Cuda.Memory;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Cuda.Tests;

public sealed class CompilationTests
{
    [Fact]
    public void EveryKernelFile_Compiles_SeveralAtATime() => Setup.Run(setup =>
    {
        Assert.Contains("linear.cu", KernelSource.Files);
        using CudaContext context = new();
        using KernelLibrary library = setup.Library(context);
        library.Prepare(KernelSource.Files);
        Assert.Equal(KernelSource.Files.Count, library.Compiled);
        library.Prepare(KernelSource.Files);
        Assert.Equal(KernelSource.Files.Count, setup.Emulator.Count("nvrtcCompileProgram"));
    });

    [Fact]
    public void AnError_IsShown_AndLogAndSourceAreKept() => Setup.Run(_ =>
    {
        KernelSource source = KernelSource.Of("activate.cu", "WIDTH=3");
        source = source with { Text = source.Text + "\nthis is no C++;\n" };
        CudaException failure = Assert.Throws<CudaException>(() => KernelCompiler.Compile(source, "sm_90a"));
        Assert.Equal(CudaErrors.Compilation, failure.Code);
        string[] lines = failure.Message.Split('\n');
        Assert.Contains("kernel file activate.cu does not compile for sm_90a with nvrtc 13.0 (NVRTC_ERROR_COMPILATION): ", lines[0], StringComparison.Ordinal);
        Assert.Contains("error: ", lines[0], StringComparison.Ordinal);
        string folder = lines[1]["log and source: ".Length..];
        Assert.Contains("sm_90a WIDTH=3", File.ReadAllText(Path.Combine(folder, "log.txt")), StringComparison.Ordinal);
        Assert.Equal(source.Text, File.ReadAllText(Path.Combine(folder, "activate.cu")));
        Assert.True(File.Exists(Path.Combine(folder, "common", "device.cuh")));
        Directory.Delete(folder, recursive: true);
    });

    [Fact]
    public void AnUnknownArchitecture_GetsPtxOfAnOlderOne() => Setup.Run(setup =>
    {
        setup.Emulator.Set("nvrtc", 12000); // knows sm_90 as its newest
        setup.Emulator.Set("capability", 120);
        Job.Run(setup);
        Assert.True(setup.Emulator.Count("nvrtcGetPTX") > 0);
    });

    [Fact]
    public void Key_TellsApartWhateverCompilesToSomethingElse()
    {
        KernelSource source = KernelSource.Of("linear.cu");
        KernelSource[] others =
        [
            source with { File = "other.cu" }, source with { Text = source.Text + " " }, source with { Defines = ["A=1"] },
            source with { Headers = [.. source.Headers.Skip(1)] }, source with { Headers = [(source.Headers[0].Name, ""), .. source.Headers.Skip(1)] },
        ];
        string[] keys = [source.Key("sm_80", "nvrtc 12.4"), source.Key("sm_80", "nvrtc 13.0"), source.Key("sm_90a", "nvrtc 12.4"), .. others.Select(other => other.Key("sm_80", "nvrtc 12.4"))];
        Assert.Equal(keys.Length, keys.Distinct().Count());
        Assert.Equal(keys[0], KernelSource.Of("linear.cu").Key("sm_80", "nvrtc 12.4"));
    }

    [Theory]
    [InlineData("planted_global_overflow", "kernel planted_global_overflow wrote past the end of an allocation of 512 bytes")]
    [InlineData("planted_global_underflow", "kernel planted_global_underflow wrote before an allocation of 512 bytes")]
    [InlineData("planted_barrier_in_half", "kernel planted_barrier_in_half, block (0, 0, 0): threads diverge: 33 at __syncthreads, planted.cu:")]
    public void PlantedFaults_ReachTheCaller(string kernel, string words) => Setup.RunToLoss(_ =>
    {
        using CudaContext context = new();
        using DeviceMemory memory = new(context);
        string text = File.ReadAllText(Path.Combine(Repository.Root!, "kernels", "emulator", "planted.cu"));
        KernelSource source = KernelSource.Of("activate.cu") with { File = "planted.cu", Text = text };
        using CudaModule module = new(context, KernelCompiler.Compile(source, "sm_90a"), source.File);
        DeviceBlock block = memory.Take(512);
        KernelArguments arguments = new();
        arguments.Add(block.Pointer);
        if (kernel == "planted_global_overflow")
            arguments.Add(128);
        context.Launch(new CudaKernel(context, module, kernel), new LaunchShape(kernel == "planted_global_overflow" ? 3u : 1u, 64), ref arguments);
        CudaException failure = Assert.Throws<CudaException>(context.Synchronize);
        Assert.Equal(CudaErrors.DeviceLost, failure.Code);
        Assert.Contains(words, failure.Message, StringComparison.Ordinal);
        Assert.Contains($"last launch: {kernel}, grid ", failure.Message, StringComparison.Ordinal);
    });
}
