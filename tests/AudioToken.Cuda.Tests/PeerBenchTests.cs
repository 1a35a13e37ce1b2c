using System.Diagnostics;
using System.Text.Json;
using AudioToken.Backends.Cuda;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Bench;
using AudioToken.Bench.Cases;
using AudioToken.Cli;
using AudioToken.Cli.Benchmarks;
using AudioToken.Tensors;
using Xunit;

namespace AudioToken.Cuda.Tests;

/// <summary><c>audiotoken bench kernels --peer cublaslt</c>: cuBLASLt's products beside ours. The emulated device's times mean nothing.</summary>
public sealed class PeerBenchTests
{
    private const int Repetitions = 3, Ways = 2; // of the emulated library's; in fp32 one more

    [Theory]
    [InlineData("linear", "64x32,16", "product, bias")]
    [InlineData("linear", "17x9,5,nobias", "product")]
    [InlineData("linear", "64x32,16,residual,norm", "product, bias, residual; not norm")]
    [InlineData("linear", "64x32,48,geglu", "product, bias; not geglu")]
    [InlineData("linear", "64x32,16,gelu,residual", "product, bias, tanh-gelu; not residual")]
    [InlineData("linear", "64x32,16,silu,residual", "product, bias; not silu, residual")]
    [InlineData("linear", "64x32,16,nobias,relu", "product, relu")]
    [InlineData("project", "64x16,24,3,nobias", "3 products")]
    [InlineData("project", "64x16,24,2", "2 products, bias")]
    [InlineData("conv2d", "2x4x4x16,24,1x1,residual", "product, bias, residual")]
    [InlineData("conv2d", "2x4x4x16,24,1x1,shift", "product, bias; not shift")]
    public void Case_IsMeasuredBesideThePeer(string operation, string shape, string does)
    {
        foreach (DType storage in (DType[])[DType.F16, DType.BF16, DType.F32])
        {
            Setup.Run(setup =>
            {
                using TimedEmulation device = WithPeer(storage);
                KernelMeasurement measured = Measure(device, operation, shape);

                Assert.Equal(does, measured.Peer!.Does);
                Assert.True(measured.Peer.Seconds!.Value.Median > 0);
                Assert.Equal(measured.Peer.Seconds.Value.Median / measured.Seconds!.Value.Median, measured.PeerRatio);
                int ways = storage == DType.F32 ? Ways + 1 : Ways;
                Assert.Equal((1 + ways) * (1 + Repetitions), setup.Emulator.Count("graphs")); // ours, and each way of the peer
                int products = does.StartsWith("product", StringComparison.Ordinal) ? 1 : does[0] - '0', turns = Math.Max(8, measured.InputSets);
                // Each way once to be compared, all turns as they are asked for, and in each graph.
                Assert.Equal(products * ways * (1 + turns * (1 + 1 + Repetitions)), setup.Emulator.Count("products"));
                Assert.Equal(1, setup.Emulator.Count("cublasLtMatmulAlgoGetHeuristic"));
            });
        }
    }

    [Theory]
    [InlineData("linear", "64x32,16,through16,residual")]
    [InlineData("conv2d", "1x4x4x16,16,3x3")]
    [InlineData("conv2d", "1x4x4x16+8,16,1x1")]
    [InlineData("conv2d", "1x4x4x16,16,1x1,stride2")]
    [InlineData("conv2d", "1x4x4x16,16,1x1,shortcut8")]
    [InlineData("layer-norm", "5x64")]
    public void Case_ThatThePeerHasNotIsMeasuredAlone(string operation, string shape) => Setup.Run(setup =>
    {
        using TimedEmulation device = WithPeer(DType.F16);
        KernelMeasurement measured = Measure(device, operation, shape);
        Assert.True(measured.Seconds!.Value.Median > 0);
        Assert.Null(measured.Peer);
        Assert.Equal(0, setup.Emulator.Count("products"));
    });

    [Fact]
    public void Peer_ThatComputesSomethingElseIsNotMeasured() => Setup.Run(setup =>
    {
        CudaOps ops = new(new CudaOptions { Storage = DType.F16, KernelCacheFolder = null });
        using TimedEmulation device = new(ops, new Planted(new CublasLtBenchPeer(ops.CreatePeer())));
        AudioTokenException failure = Assert.Throws<AudioTokenException>(() => Measure(device, "linear", "64x32,16"));
        Assert.Equal(BenchErrors.Peer, failure.Code);
        // Its bias is missing, a sixty-fourth of the weights' deviation.
        Assert.Matches(@"^linear 64x32,16: the result of cublaslt 12\.4\.5 differs from ours by \d\.\de-[23] of its root mean square, wanted at most 1\.\de-3$", failure.Message);
        Assert.Equal("measure without --peer, and please report it", failure.Hint);
        Assert.Equal(1 + Repetitions, setup.Emulator.Count("graphs")); // ours alone
    });

    [Theory]
    [InlineData(1)] // to be compared
    [InlineData(1 + Ways)] // asked for turn by turn
    [InlineData(1 + Ways + 8)] // recorded
    public void Failure_AtAnyPointLeavesTheDeviceUsable(int call) => Setup.Run(setup =>
    {
        const int ExecutionFailed = 13;
        using TimedEmulation device = WithPeer(DType.F16);
        setup.Emulator.Fault("cublasLtMatmul", call, ExecutionFailed);

        CudaException failure = Assert.Throws<CudaException>(() => Measure(device, "linear", "512x512,64"));

        Assert.Equal("cublasLtMatmul failed with CUBLAS_STATUS_EXECUTION_FAILED (13); product 512x512 by 64 rows of F16, bias", failure.Message);
        Assert.NotNull(Measure(device, "linear", "64x32,16").Peer);
    });

    [Fact]
    public void Step_IsCountedWithThePeer() => Setup.Run(setup =>
    {
        JsonElement json = JsonOf("kernels", "--size", "tiny", "--batch", "1", "--peer", "cublaslt");

        Assert.Equal(("cublaslt", "12.4.5"), (json.GetProperty("peer").GetString(), json.GetProperty("peer_version").GetString()));
        JsonElement run = Assert.Single(json.GetProperty("runs").EnumerateArray());
        int calls = 0;
        foreach (JsonElement row in run.GetProperty("cases").EnumerateArray())
        {
            string operation = row.GetProperty("operation").GetString()!, shape = row.GetProperty("shape").GetString()!;
            Assert.Equal(JsonValueKind.Null, row.GetProperty("peer_ms").ValueKind);
            Assert.Equal(JsonValueKind.Null, row.GetProperty("ratio").ValueKind);
            bool has = operation == "project" || (operation == "linear" && !shape.Contains("through", StringComparison.Ordinal)) || (operation == "conv2d" && shape.Contains(",1x1", StringComparison.Ordinal));
            Assert.Equal(has ? JsonValueKind.String : JsonValueKind.Null, row.GetProperty("peer_does").ValueKind);
            calls += has ? row.GetProperty("calls").GetInt32() : 0;
        }

        Assert.True(calls > 0);
        Assert.Equal(calls, run.GetProperty("beside_peer").GetProperty("calls").GetInt32());
        Assert.Equal(JsonValueKind.Null, run.GetProperty("beside_peer").GetProperty("ratio").ValueKind);
        Assert.True(setup.Emulator.Count("products") > 0); // held to be sound, and not computed
    });

    [Fact]
    public void WithoutThePeer_ItsFieldsAreNull() => Setup.Run(setup =>
    {
        JsonElement json = JsonOf("kernels", "--op", "linear", "--shape", "4x8,8");
        Assert.Equal((JsonValueKind.Null, JsonValueKind.Null), (json.GetProperty("peer").ValueKind, json.GetProperty("peer_version").ValueKind));
        JsonElement row = json.GetProperty("runs")[0].GetProperty("cases")[0];
        Assert.All((string[])["peer_ms", "ratio", "peer_does"], name => Assert.Equal(JsonValueKind.Null, row.GetProperty(name).ValueKind));
        Assert.Equal(0, setup.Emulator.Count("cublasLtCreate"));
    });

    [Fact]
    public void Table_HasThePeersColumns() => Setup.Run(_ =>
    {
        string[] lines = Text("kernels", "--size", "tiny", "--batch", "1", "--op", "linear", "--peer", "cublaslt").Split('\n');
        Assert.EndsWith("  kernels  cublaslt ms  ratio  does", lines[0], StringComparison.Ordinal);
        Assert.Contains(lines, line => line.EndsWith("  product, bias; not geglu", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("beside cublaslt ", StringComparison.Ordinal) && line.EndsWith(" ms, cublaslt 12.4.5 - ms, ratio -", StringComparison.Ordinal));
    });

    [Fact]
    public void FailedStart_LeavesNothing() => Setup.Run(setup =>
    {
        setup.Emulator.Fault("cublasLtCreate", 1, 1);
        (int exit, _, string error) = Bench("kernels", "--op", "linear", "--shape", "4x8,8", "--peer", "cublaslt");
        Assert.Equal(5, exit);
        Assert.Contains("cublasLtCreate failed with CUBLAS_STATUS_NOT_INITIALIZED (1)", error, StringComparison.Ordinal);
    });

    [Fact]
    public void Library_ThatIsNotThereIsAskedFor() => Setup.Run(setup =>
    {
        // A process of its own: what was loaded once stays.
        ProcessStartInfo start = new(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])[Path.Combine(AppContext.BaseDirectory, "audiotoken.dll"), "bench", "kernels", "--op", "linear", "--shape", "4x8,8", "--device", "cuda", "--peer", "cublaslt"])
            start.ArgumentList.Add(argument);
        foreach (string name in (string[])["AUDIOTOKEN_CUDA", "AUDIOTOKEN_NVRTC"])
            start.Environment[name] = setup.Emulator.LibraryPath;
        start.Environment["AUDIOTOKEN_CUBLASLT"] = "/nonexistent/libcublasLt.so.13";
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();

        Assert.Equal((5, ""), (process.ExitCode, output.Result));
        Assert.Contains("5110", error, StringComparison.Ordinal);
        Assert.Contains("cuBLASLt was not found (tried /nonexistent/libcublasLt.so.13)", error, StringComparison.Ordinal);
        Assert.Contains("install cuBLAS of CUDA 12 or 13 (package libcublas), or name its file in AUDIOTOKEN_CUBLASLT", error, StringComparison.Ordinal);
    });

    private static TimedEmulation WithPeer(DType storage)
    {
        CudaOps ops = new(new CudaOptions { Storage = storage, KernelCacheFolder = null });
        return new TimedEmulation(ops, new CublasLtBenchPeer(ops.CreatePeer()));
    }

    private static KernelMeasurement Measure(BenchDevice device, string operation, string shape) =>
        new KernelBench(device).Measure(KernelCases.Parse(operation, shape), Repetitions, TestContext.Current.CancellationToken);

    private static JsonElement JsonOf(params string[] args)
    {
        using JsonDocument document = JsonDocument.Parse(Text([.. args, "--json"]));
        return document.RootElement.Clone();
    }

    private static string Text(params string[] args)
    {
        (int exit, string output, string error) = Bench(args);
        Assert.True(exit == 0, $"exit code {exit}: {error}");
        return output.TrimEnd();
    }

    private static (int Exit, string Output, string Error) Bench(params string[] args)
    {
        using MemoryStream output = new();
        using StringWriter error = new();
        Terminal terminal = new() { OpenInput = () => Stream.Null, Output = output, Error = error };
        int exit = CommandLine.RunAsync(["bench", .. args, "--device", "cuda"], terminal, TestContext.Current.CancellationToken).GetAwaiter().GetResult();
        return (exit, System.Text.Encoding.UTF8.GetString(output.ToArray()), error.ToString());
    }

    // Says that it adds the bias, and does not.
    private sealed class Planted(BenchPeer inner) : BenchPeer
    {
        public override string Name => inner.Name;

        public override string Version => inner.Version;

        public override Epilogue PartOf(in Epilogue epilogue) => inner.PartOf(epilogue);

        public override (string Name, double Error)? FormOf(Activation activation) => inner.FormOf(activation);

        public override IReadOnlyList<Func<Tensor>> Prepare(Tensor x, Weight weight, in Epilogue part) => inner.Prepare(x, weight, part with { Bias = null });

        protected override void Dispose(bool disposing) => inner.Dispose();
    }
}
