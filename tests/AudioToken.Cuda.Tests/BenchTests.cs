using System.Text.Json;
using AudioToken.Backends.Cuda;
using AudioToken.Cli;
using AudioToken.Tensors;
using Xunit;

namespace AudioToken.Cuda.Tests;

/// <summary><c>audiotoken bench --device cuda</c> where the device is emulated: counts, and no times.</summary>
public sealed class BenchTests
{
    private static readonly string[] s_times = ["median_ms", "p10_ms", "p90_ms", "gflops_per_s", "gb_per_s", "roof", "share_of_roof", "arithmetic_peak_gflops", "bandwidth_gb_per_s"];

    [Fact]
    public void Kernels_AreCounted() => Setup.Run(setup =>
    {
        JsonElement json = Bench("kernels", "--size", "tiny", "--batch", "1", "--dtype", "bf16");

        Assert.Equal("cuda:0", json.GetProperty("device").GetString());
        Assert.Equal(2, json.GetProperty("element_bytes").GetInt32());
        JsonElement run = Assert.Single(json.GetProperty("runs").EnumerateArray());
        long kernels = 0;
        foreach (JsonElement row in run.GetProperty("cases").EnumerateArray())
        {
            Assert.All(s_times, name => Assert.Equal(JsonValueKind.Null, row.GetProperty(name).ValueKind));
            Assert.True(row.GetProperty("kernels").GetInt64() > 0);
            Assert.True(row.GetProperty("bytes").GetInt64() > 0);
            kernels += row.GetProperty("calls").GetInt64() * row.GetProperty("kernels").GetInt64();
        }

        Assert.Equal(kernels, run.GetProperty("classes").EnumerateObject().Sum(item => item.Value.GetProperty("kernels").GetInt64()));
        Assert.Equal(JsonValueKind.Null, run.GetProperty("step_ms").ValueKind);
    });

    [Theory]
    [InlineData("layer-norm", "5x64", 1)]
    [InlineData("conv2d", "1x4x4x16,16,3x3,stride2,shift,residual", 1)]
    [InlineData("conv2d", "1x4x4x16,16,3x3,shortcut8+24", 1)]
    [InlineData("conv2d", "1x4x4x16,16,3x3,up8x8,norm", 1)]
    [InlineData("group-norm", "1x16x32,8", 3)]
    [InlineData("group-norm", "2x64x32+32,8,silu,told", 1)]
    [InlineData("conv2d", "1x8x8x16,16,3x3,norm", 1)]
    [InlineData("linear", "64x16,16,norm", 1)]
    [InlineData("linear", "64x32,16,through16,residual,norm", 1)]
    [InlineData("project", "64x16,16,3", 1)]
    [InlineData("project", "64x16,32,2,nobias", 1)]
    public void Kernel_OfOneShapeIsCounted(string operation, string shape, int atMost) => Setup.Run(setup =>
    {
        JsonElement row = Bench("kernels", "--op", operation, "--shape", shape).GetProperty("runs")[0].GetProperty("cases")[0];

        Assert.InRange(row.GetProperty("kernels").GetInt64(), 1, atMost);
        Assert.Equal(1, row.GetProperty("input_sets").GetInt32());
    });

    [Theory]
    [InlineData("attention", "1x1x1024,1,1", 2, "error AT2901: attention 1x1x1024,1,1: Attention: heads are 1024 wide; this backend takes up to 512.")]
    [InlineData("attention", "70000x1x8,1,1", 6, "error AT6102: Attention: a launch has at most 65535 blocks along y and z, this one 1 and 70000")]
    public void ShapeThatTheDeviceDoesNotTake_IsRefused(string operation, string shape, int exit, string words) => Setup.Run(_ =>
        Assert.Contains(words, Bench(exit, "kernels", "--op", operation, "--shape", shape).Error, StringComparison.Ordinal));

    [Fact]
    public void Stages_AreCounted() => Setup.Run(setup =>
    {
        JsonElement stage = Assert.Single(Bench("stages", "--size", "tiny", "--op", "unet", "--batch", "2").GetProperty("stages").EnumerateArray());

        Assert.Equal("unet-2", stage.GetProperty("name").GetString());
        Assert.True(stage.GetProperty("kernels").GetInt64() > 100);
        Assert.True(stage.GetProperty("flops").GetDouble() > 0);
        Assert.Equal(JsonValueKind.Null, stage.GetProperty("median_ms").ValueKind);
        Assert.Equal(JsonValueKind.Null, stage.GetProperty("classes").GetProperty("conv").GetProperty("ms").ValueKind);
    });

    [Fact]
    public void Pictures_AreCounted() => Setup.Run(setup =>
    {
        JsonElement[] pictures = [.. Bench("stages", "--size", "tiny", "--op", "image").GetProperty("stages").EnumerateArray()];

        Assert.Equal(["image-pndm-50", "image-lcm-4"], pictures.Select(picture => picture.GetProperty("name").GetString()));
        long[] kernels = [.. pictures.Select(picture => picture.GetProperty("kernels").GetInt64())];
        Assert.True(kernels[0] > 5 * kernels[1], $"{kernels[0]} and {kernels[1]} kernels");
        Assert.All(pictures, picture => Assert.Equal(JsonValueKind.Null, picture.GetProperty("median_ms").ValueKind));
    });

    [Fact]
    public void Ceilings_SayThatTheyWereNotMeasured() => Setup.Run(setup =>
    {
        JsonElement[] ceilings = [.. Bench("ceilings").GetProperty("ceilings").EnumerateArray()];

        Assert.Equal(["device_copy", "cache_read", "fma_peak", "mma_peak_fp16", "mma_peak_bf16", "wgmma_peak_fp16", "wgmma_peak_bf16", "launch", "launch_in_graph"], ceilings.Select(ceiling => ceiling.GetProperty("name").GetString()));
        Assert.All(ceilings, ceiling => Assert.Equal(JsonValueKind.Null, ceiling.GetProperty("value").ValueKind));
        Assert.All(ceilings, ceiling => Assert.EndsWith(": not measured on an emulated device", ceiling.GetProperty("note").GetString(), StringComparison.Ordinal));
    });

    [Fact]
    public void EmulatedDevice_RunsKernelsAgainAfterwards() => Setup.Run(setup =>
    {
        Bench("kernels", "--op", "layer-norm", "--shape", "2x8");
        using CudaOps ops = new(new CudaOptions { Storage = DType.F32, KernelCacheFolder = null });
        using TensorScope scope = ops.Scope();
        float[] sum = new float[3];

        ops.Download(ops.WeightedSum([new WeightedTensor(ops.Upload([1f, 2, 3], [3]), 2)]), sum);

        Assert.Equal([2f, 4, 6], sum);
    });

    [Fact]
    public void Timer_KeepsTheDeviceBusyBeforeItsRuns() => Setup.Run(setup =>
    {
        using CudaOps ops = new(new CudaOptions { KernelCacheFolder = null });
        using CudaTimer timer = ops.CreateTimer();
        long before = setup.Emulator.Count("cuMemcpyDtoDAsync_v2"), bytes = setup.Emulator.Count("bytes.device");
        List<int> runs = [];

        double[] seconds = timer.Time(20, runs.Add, TestContext.Current.CancellationToken);

        Assert.Equal(Enumerable.Range(0, 20), runs);
        Assert.Equal(20, seconds.Length);
        Assert.All(seconds, second => Assert.True(second >= 0));
        Assert.Equal(2, setup.Emulator.Count("cuMemcpyDtoDAsync_v2") - before); // sixteen runs at a time
        Assert.Equal(2L * Math.Max(1 << 20, ops.DeviceInfo.CacheBytes), setup.Emulator.Count("bytes.device") - bytes);
    });

    [Fact]
    public void Timer_HeedsCancellationBetweenRuns() => Setup.Run(setup =>
    {
        using CudaOps ops = new(new CudaOptions { KernelCacheFolder = null });
        using CudaTimer timer = ops.CreateTimer();
        using CancellationTokenSource source = new();
        int runs = 0;

        Assert.Throws<OperationCanceledException>(() => timer.Time(
            10,
            _ =>
            {
                if (++runs == 3)
                    source.Cancel();
            },
            source.Token));

        Assert.Equal(3, runs);
    });

    [Fact]
    public void Roofs_AreLaunchedAsTheyAreCounted() => Setup.Run(setup =>
    {
        setup.Emulator.Set("execute", 0);
        using CudaOps ops = new(new CudaOptions { KernelCacheFolder = null });
        using CudaTimer timer = ops.CreateTimer();
        CudaRoofs roofs = ops.CreateRoofs(timer);

        foreach (DType type in (DType[])[DType.F32, DType.F16, DType.BF16])
        {
            roofs.Arithmetic(type);
            Assert.Equal(type == DType.F32, roofs.WarpgroupArithmetic(type) is null);
        }

        roofs.Launch();
        roofs.CopyBandwidth();
        roofs.CacheBandwidth();

        Assert.All((string[])["peak_f32", "peak_f16", "peak_bf16", "peak_warpgroups_f16", "peak_warpgroups_bf16", "peak_read"], kernel => Assert.Equal(5, setup.Emulator.Count("kernel:" + kernel)));
        Assert.Equal(1000 * (1 + 5 + 1 + 5), setup.Emulator.Count("kernel:peak_nothing"));
        Assert.Equal(6, setup.Emulator.Count("graphs"));
    });

    private static JsonElement Bench(params string[] args)
    {
        using JsonDocument document = JsonDocument.Parse(Bench(0, args).Output);
        return document.RootElement.Clone();
    }

    private static (byte[] Output, string Error) Bench(int wanted, params string[] args)
    {
        using MemoryStream output = new();
        using StringWriter error = new();
        Terminal terminal = new() { OpenInput = () => Stream.Null, Output = output, Error = error };
        int exit = CommandLine.RunAsync(["bench", .. args, "--device", "cuda", "--json"], terminal, TestContext.Current.CancellationToken).GetAwaiter().GetResult();
        Assert.True(exit == wanted, $"exit code {exit}, wanted {wanted}: {error}");
        return (output.ToArray(), error.ToString());
    }
}
