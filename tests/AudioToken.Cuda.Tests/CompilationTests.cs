using AudioToken.Backends.Cuda;
using AudioToken.Backends.Cuda.Compilation;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Backends.Cuda.Memory;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Cuda.Tests;

public sealed class CompilationTests
{
    [Fact]
    public void EveryKernelFile_Compiles_BesideTheCaller() => Setup.Run(setup =>
    {
        Assert.Contains("linear.cu", KernelSource.Files);
        using CudaContext context = new();
        using KernelLibrary library = setup.Library(context);
        string[] files = [.. KernelSource.Files];
        library.Expect(files);
        library.Get("linear.cu", "linear_f16_64x64");
        library.Expect(files);
        library.Get("activate.cu", "activate_f32");
        library.Dispose(); // waits
        Assert.Equal(files.Length, library.Compiled);
        Assert.Equal(files.Length, setup.Emulator.Count("nvrtcCompileProgram"));
    });

    [Fact]
    public void LoadingWeights_BeginsToCompileWhatMultipliesThem() => Setup.Run(setup =>
    {
        setup.Emulator.Set("execute", 0);
        using CudaOps ops = new(new CudaOptions { KernelCacheFolder = null });
        using (ops.Weight(new Draw(1), WeightRole.Linear, [8, 8]))
        using (ops.Weight(new Draw(1), WeightRole.Conv2d, [8, 8, 3, 3]))
        using (ops.Weight(new Draw(1), WeightRole.Linear, [8, 8]))
            ops.Dispose();
        Assert.Equal(8, setup.Emulator.Count("nvrtcCompileProgram")); // attention, linear, project, layer_norm, cast; conv2d, group_norm, group_norm_moments

        // A file that does not compile is told of by the operation that wants it.
        setup.Emulator.Reset();
        setup.Emulator.Fault("nvrtcCompileProgram", 0, 6);
        using CudaOps failing = new(new CudaOptions { Storage = DType.F32, KernelCacheFolder = null });
        using Weight weight = failing.Weight(new Draw(1), WeightRole.Linear, [8, 8]);
        using TensorScope scope = failing.Scope();
        Tensor x = failing.Upload(new float[8], [1, 8]);
        CudaException failure = Assert.Throws<CudaException>(() => failing.Linear(x, weight, default));
        Assert.StartsWith("kernel file linear.cu does not compile", failure.Message, StringComparison.Ordinal);
        setup.Emulator.Reset();
        failing.Linear(x, weight, default);
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
    public void AnError_IsShown_WhereNothingCanBeKept() => Setup.Run(setup =>
    {
        string? temporary = Environment.GetEnvironmentVariable("TMPDIR");
        setup.Emulator.Fault("nvrtcCompileProgram", 1, 6);
        try
        {
            Environment.SetEnvironmentVariable("TMPDIR", Path.Combine(Repository.Root!, "no such folder"));
            CudaException failure = Assert.Throws<CudaException>(() => KernelCompiler.Compile(KernelSource.Of("activate.cu"), "sm_90a"));
            Assert.Equal(CudaErrors.Compilation, failure.Code);
            Assert.Matches(@"^kernel file activate\.cu does not compile for sm_90a with nvrtc 13\.0 .*\nlog \(it cannot be kept: .*\):", failure.Message);
        }
        finally
        {
            Environment.SetEnvironmentVariable("TMPDIR", temporary);
        }
    });

    [Theory]
    [InlineData(11080, "libnvrtc.so.12")]
    [InlineData(12090, "libnvrtc.so.12")]
    [InlineData(13000, "libnvrtc.so.13")]
    public void Compiler_IsTheNewestThatTheDriverTakes(int driver, string first) => Setup.Run(setup =>
    {
        string named = Environment.GetEnvironmentVariable(NativeLibraries.CompilerVariable)!;
        setup.Emulator.Set("driver", driver);
        try
        {
            Environment.SetEnvironmentVariable(NativeLibraries.CompilerVariable, null);
            string[] candidates = NativeLibraries.Candidates(NativeLibraries.Compiler);
            Assert.Equal(first, candidates[0]);
            Assert.Equal(6, candidates.Distinct().Count());
        }
        finally
        {
            Environment.SetEnvironmentVariable(NativeLibraries.CompilerVariable, named);
        }
    });

    [Theory]
    [InlineData(NativeLibraries.Driver, "cuDriverGetVersion")]
    [InlineData(NativeLibraries.Compiler, "nvrtcVersion")]
    [InlineData(NativeLibraries.Peer, "cublasLtGetVersion")]
    public void ALibrary_IsKnownByAFunctionOfItsOwn(string library, string function) => Assert.Equal(function, NativeLibraries.FirstFunction(library));

    [Fact]
    public void MissingBuiltins_AreNamed() => Setup.Run(setup =>
    {
        setup.Emulator.Fault("nvrtcCompileProgram", 1, 7);
        CudaException failure = Assert.Throws<CudaException>(() => Job.Run(setup));
        Assert.Equal(CudaErrors.NoCompiler, failure.Code);
        Assert.StartsWith("kernel file activate.cu must be compiled, and NVRTC 13.0 does not find its library of builtins (NVRTC_ERROR_BUILTIN_OPERATION_FAILURE)", failure.Message, StringComparison.Ordinal);
        Assert.StartsWith("install libnvrtc-builtins of CUDA 13.0 beside it", failure.Hint, StringComparison.Ordinal);
        Job.Run(setup);
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
    public void BuiltKernels_NeedNoCompiler() => Setup.Run(setup =>
    {
        string folder = KernelBuild.DefaultFolder;
        Assert.False(Directory.Exists(folder), $"{folder} is left over");
        List<string> built = [];
        try
        {
            KernelBuild.Build(["sm_90a"], folder, (file, architecture, bytes) =>
            {
                lock (built)
                    built.Add($"{architecture} {file}");
            }, TestContext.Current.CancellationToken);
            Assert.Equal(KernelSource.Files.Select(file => "sm_90a " + file), built.Order(StringComparer.Ordinal));
            setup.Emulator.Reset();
            setup.Emulator.Fault("nvrtcVersion", 0, 7);
            Job.Run(setup);
            Assert.Equal(0, setup.Emulator.Count("nvrtcCompileProgram"));

            // Those of another architecture are of no use.
            setup.Emulator.Set("capability", 80);
            Assert.Equal(CudaErrors.NoCompiler, Assert.Throws<CudaException>(() => Job.Run(setup)).Code);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    });

    [Fact]
    public void BuiltKernels_RunOnNewerDevicesOfTheirGeneration_ForWantOfACompiler() => Setup.Run(setup =>
    {
        string folder = KernelBuild.DefaultFolder;
        Assert.False(Directory.Exists(folder), $"{folder} is left over");
        try
        {
            KernelBuild.Build(["sm_80"], folder, (_, _, _) => { }, TestContext.Current.CancellationToken);
            setup.Emulator.Reset();
            setup.Emulator.Set("nvrtc", 11080);
            setup.Emulator.Set("capability", 89);
            Assert.Null(CudaOps.WhyNot());
            Job.Run(setup);
            Assert.Equal(0, setup.Emulator.Count("nvrtcCompileProgram"));

            // What they are not for is said before anything is asked of the device.
            foreach ((int capability, string architecture) in ((int, string)[])[(90, "sm_90a"), (100, "sm_100a")])
            {
                setup.Emulator.Set("capability", capability);
                Assert.Equal((CudaErrors.NoCompiler, "NVRTC is of CUDA 11.8; 12.0 or newer is wanted"), (CudaOps.WhyNot()?.Code, CudaOps.WhyNot()?.Message));
                Assert.Contains($"'audiotoken kernels build --arch {architecture}'", CudaOps.WhyNot()?.Hint, StringComparison.Ordinal);
                Assert.Equal(CudaErrors.NoCompiler, Assert.Throws<CudaException>(() => Job.Run(setup)).Code);
            }

            // A compiler makes better ones.
            setup.Emulator.Set("nvrtc", 13000);
            setup.Emulator.Set("capability", 89);
            Job.Run(setup);
            Assert.Equal(1, setup.Emulator.Count("nvrtcCompileProgram"));
            Assert.Empty(setup.Notes);

            // One that lacks its library of builtins, or fails, does not stand in their way.
            const int CompilationError = 6, NoBuiltins = 7;
            setup.Emulator.Fault("nvrtcCompileProgram", 1, NoBuiltins);
            Job.Run(setup);
            Assert.Empty(setup.Notes);
            setup.Emulator.Fault("nvrtcCompileProgram", 1, CompilationError);
            Job.Run(setup);
            Assert.StartsWith("a kernel for another architecture than sm_89 is used: kernel file activate.cu does not compile for sm_89 ", Assert.Single(setup.Notes), StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    });

    [Fact]
    public void Build_IsCancelledWithinAFile() => Setup.Run(_ =>
    {
        string folder = Directory.CreateTempSubdirectory("audiotoken-kernels-").FullName;
        try
        {
            using CancellationTokenSource source = new();
            Assert.ThrowsAny<OperationCanceledException>(() => KernelBuild.Build(["sm_80"], folder, (_, _, _) => source.Cancel(), source.Token));
            Assert.InRange(Directory.GetFiles(folder).Length, 1, Environment.ProcessorCount);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    });

    [Fact]
    public void Build_WantsAnArchitectureThatTheCompilerKnows() => Setup.Run(setup =>
    {
        setup.Emulator.Set("nvrtc", 12000);
        string folder = Directory.CreateTempSubdirectory("audiotoken-kernels-").FullName;
        CudaException failure = Assert.Throws<CudaException>(() => KernelBuild.Build(["sm_120a"], folder, (_, _, _) => { }, TestContext.Current.CancellationToken));
        Assert.Equal(CudaErrors.Compilation, failure.Code);
        Assert.Contains("does not compile for sm_120a with nvrtc 12.0 (NVRTC_ERROR_INVALID_OPTION): nvrtc: error: invalid value for --gpu-architecture", failure.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder));
        Directory.Delete(folder);
    });

    [Theory]
    [InlineData("sm_80", "sm_80")]
    [InlineData("sm_90", "sm_90a")]
    [InlineData("sm_120a", "sm_120a")]
    public void Architecture_IsWhatADeviceOfItAsksFor(string given, string architecture) => Assert.Equal(architecture, KernelBuild.Architecture(given));

    [Theory]
    [InlineData("sm_75")]
    [InlineData("compute_80")]
    [InlineData("")]
    [InlineData("sm_9999")]
    [InlineData("sm_90aa")]
    public void Architecture_MustBeNewEnough(string given)
    {
        AudioTokenException failure = Assert.Throws<AudioTokenException>(() => KernelBuild.Architecture(given));
        Assert.Equal($"'{given}' is not an architecture that kernels are built for; wanted sm_80 or newer", failure.Message);
    }

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
