using System.Text.Json;
using AudioToken.Tests.Weights;
using Xunit;

namespace AudioToken.Tests.Cli;

/// <summary><c>audiotoken bench</c>: what it refuses, and the form of what it tells. Never how fast anything is.</summary>
[Collection(CliTests.Name)]
public sealed class BenchTests(CliDemo demo)
{
    private static readonly string[] s_cpu = ["--device", "cpu", "--threads", "1", "--repeat", "1", "--json"];

    [Theory]
    [InlineData("conv2d", "2x64x64,320,3x3", "wanted BxHxWxC[+SKIP],N,KHxKW", "BxHxWxC has 3 extents, wanted 4")]
    [InlineData("conv2d", "2x64x64x320,320", "", "KHxKW is missing")]
    [InlineData("conv2d", "2x64x64x320,320,3x3,stride0", "", "'0' in stride is not a whole number from 1 to 16777216")]
    [InlineData("conv2d", "2x64x64x320,320,3x3,geglu", "", "'geglu' is not a part of it")]
    [InlineData("linear", "8192x-1,320", "wanted ROWSxK,N", "'-1' in ROWSxK is not a whole number")]
    [InlineData("linear", "8x8,9,geglu", "", "geglu halves the columns, and 9 are odd")]
    [InlineData("linear", "", "", "ROWSxK is missing")]
    [InlineData("linear", "16777216x16777216,1", "", "more than 2147483647 elements")]
    [InlineData("project", "8x8,8,4", "wanted ROWSxK,N,COUNT[,nobias]", "COUNT is 4, of key and value 2, with the query 3")]
    [InlineData("project", "8x8,8,1", "", "COUNT is 1")]
    [InlineData("project", "16777216x64,64,3", "", "more than 2147483647 elements")]
    [InlineData("attention", "1x8x30,8,4", "wanted BxLqxD,Lk,HEADS", "4 heads do not divide 30 columns")]
    [InlineData("attention", "1x16777216x16777216,16777216,1", "", "more than 2147483647 elements")]
    [InlineData("group-norm", "1x8x30,4", "", "4 groups do not divide 30 channels")]
    [InlineData("layer-norm", "8x8x8", "", "ROWSxC has 3 extents, wanted 2")]
    [InlineData("grouped-conv1d", "1x8x30,4,3", "", "4 groups do not divide 30 channels")]
    public void Shape_ThatTheOperationDoesNotHaveIsRefused(string operation, string shape, string form, string why) =>
        demo.Run("bench", "kernels", "--device", "cpu", "--op", operation, "--shape", shape)
            .Refuses(2901, $"--shape is '{shape}', ", form, why, $"try:   --op {operation} --shape ");

    [Fact]
    public void Operation_ThatIsNotMeasuredIsRefused() =>
        demo.Run("bench", "--op", "fft").Refuses(2902, "--op is 'fft', wanted one of conv2d, linear, project, attention, group-norm, layer-norm, grouped-conv1d", "try:   --op conv2d");

    [Fact]
    public void Subject_ThatThereIsNotIsRefused() =>
        demo.Run("bench", "network").Refuses(2501, "there is no 'network' to measure, wanted one of kernels", "try:   audiotoken bench kernels");

    [Fact]
    public void ShapeWithoutOperation_IsRefused() => demo.Run("bench", "--shape", "8x8").Refuses(2501, "--shape is '8x8', but --op, whose shape it is, is not given");

    [Fact]
    public void ShapeWithBatch_IsRefused() => demo.Run("bench", "--op", "layer-norm", "--shape", "8x8", "--batch", "2").Refuses(2501, "a shape has its batch", "leave --batch out");

    [Theory]
    [InlineData("0", "--batch is '0', wanted a whole number from 1 to 64")]
    [InlineData("1,x", "--batch is 'x'")]
    public void Batch_OutOfRangeIsRefused(string batch, string words) => demo.Run("bench", "kernels", "--batch", batch).Refuses(2502, words);

    [Theory]
    [InlineData("ceilings", "--op", "linear")]
    [InlineData("ceilings", "--repeat", "2")]
    [InlineData("ceilings", "--model", "x.safetensors")]
    [InlineData("stages", "--shape", "8x8")]
    [InlineData("ceilings", "--rows", "rows.json")]
    [InlineData("ceilings", "--peer", "cublaslt")]
    [InlineData("stages", "--peer", "cublaslt")]
    public void OptionThatWouldDoNothing_IsRefused(string subject, string option, string value) =>
        demo.Run("bench", subject, option, value).Refuses(2501, $"{option} is given, but bench {subject} does not take it");

    [Fact]
    public void Stage_ThatThereIsNotIsRefused() => demo.Run("bench", "stages", "--op", "conv2d").Refuses(2902, "--op is 'conv2d', wanted one of fbank, beats, embedder, text, unet, step, vae, image");

    [Fact]
    public void Peer_WithoutItsDeviceIsRefused() => demo.Run("bench", "kernels", "--op", "linear", "--shape", "4x8,8", "--device", "cpu", "--peer", "cublaslt").Refuses(
        2501, "--peer is 'cublaslt', which runs on CUDA devices, but the device is cpu", "--device cuda, or leave --peer out");

    [Fact]
    public void Peer_ThatThereIsNotIsRefused() => demo.Run("bench", "kernels", "--peer", "cudnn").Refuses(2501, "--peer is 'cudnn', wanted one of cublaslt", "--peer cublaslt");

    [Fact]
    public void ModelWithSize_IsRefused() => demo.Run("bench", "stages", "-m", demo.Model, "--size", "tiny").Refuses(2501, "--model and --size tiny are both given", "leave one of them out");

    [Theory]
    [InlineData("conv2d", "1x5x7x3+2,4,3x3,stride2,shift,silu,residual", 2.0 * 3 * 4 * 4 * 5 * 9, 4L * (35 * 5 + 4 * 45 + 2 * 48))]
    [InlineData("conv2d", "1x5x7x3,4,3x3,shortcut2+6,nobias", 2.0 * 35 * 4 * (27 + 8), 4L * (35 * 11 + 4 * 35 + 140))]
    [InlineData("conv2d", "1x5x7x3,4,3x3,up10x14,shift", 2.0 * 140 * 4 * 27, 4L * (35 * 3 + 4 * 27 + 560))]
    [InlineData("linear", "5x3,8,nobias,geglu", 2.0 * 5 * 3 * 8, 4L * (15 + 24 + 20))]
    [InlineData("linear", "5x3,8,through7,residual", 2.0 * 5 * 7 * (3 + 8), 4L * (5 * 10 + 7 * 11 + 80))]
    [InlineData("project", "5x3,8,3,nobias", 3 * 2.0 * 5 * 3 * 8, 4L * (15 + 3 * (24 + 40)))]
    [InlineData("project", "5x3,8,2", 2 * 2.0 * 5 * 3 * 8, 4L * (15 + 2 * (24 + 40)))]
    [InlineData("attention", "1x3x8,5,2", 4.0 * 3 * 5 * 8, 4L * (2 * 24 + 2 * 40))]
    [InlineData("attention", "2x3x8,5,2,gated-bias", 4.0 * 2 * 3 * 5 * 8, 4L * (2 * 2 * (24 + 40) + 2 * 15 + 2 * 6))]
    [InlineData("conv2d", "1x8x4x1,5,4x4,stride4,nopad,nobias", 2.0 * 2 * 5 * 16, 4L * (32 + 5 * 16 + 10))]
    [InlineData("group-norm", "2x3x4+2,3,silu", 0.0, 4L * 2 * 36)]
    [InlineData("layer-norm", "3x5", 0.0, 4L * 30)]
    [InlineData("grouped-conv1d", "1x9x4,2,3,gelu", 2.0 * 9 * 4 * 2 * 3, 4L * (72 + 24))]
    [InlineData("grouped-conv1d", "1x9x4,2,4,gelu,residual", 2.0 * 9 * 4 * 2 * 4, 4L * (108 + 32))]
    public void OneShape_IsMeasured(string operation, string shape, double flops, long bytes)
    {
        JsonElement run = Assert.Single(demo.Run(["bench", "kernels", "--op", operation, "--shape", shape, .. s_cpu]).Exits(0).Json.GetProperty("runs").EnumerateArray());
        JsonElement row = Assert.Single(run.GetProperty("cases").EnumerateArray());

        Assert.Equal(JsonValueKind.Null, run.GetProperty("batch").ValueKind);
        Assert.Equal(operation, row.GetProperty("operation").GetString());
        Assert.Equal(shape, row.GetProperty("shape").GetString());
        Assert.Equal(flops, row.GetProperty("flops").GetDouble());
        Assert.Equal(bytes, row.GetProperty("bytes").GetInt64());
        Assert.Equal(flops > 0 ? JsonValueKind.Number : JsonValueKind.Null, row.GetProperty("gflops_per_s").ValueKind);
        Assert.Equal(JsonValueKind.Null, row.GetProperty("kernels").ValueKind);
        foreach (string name in (string[])["median_ms", "p10_ms", "p90_ms", "gb_per_s", "share_of_roof", "arithmetic_peak_gflops", "bandwidth_gb_per_s"])
            Assert.True(row.GetProperty(name).GetDouble() > 0, name);
        Assert.Contains(row.GetProperty("roof").GetString(), (string[])["arithmetic", "memory"]);
    }

    [Fact]
    public void Step_IsMeasuredAndSummed()
    {
        JsonElement json = demo.Run(["bench", "kernels", "--size", "tiny", "--batch", "1,2", .. s_cpu]).Exits(0).Json;

        Assert.Equal("kernels", json.GetProperty("bench").GetString());
        Assert.Equal("cpu", json.GetProperty("device").GetString());
        Assert.Equal([1, 2], json.GetProperty("runs").EnumerateArray().Select(run => run.GetProperty("batch").GetInt32()));
        foreach (JsonElement run in json.GetProperty("runs").EnumerateArray())
        {
            Assert.Equal(["conv", "linear", "attention", "rest"], run.GetProperty("classes").EnumerateObject().Select(item => item.Name));
            Assert.Equal(
                run.GetProperty("cases").EnumerateArray().Sum(row => row.GetProperty("calls").GetInt32()),
                run.GetProperty("classes").EnumerateObject().Sum(item => item.Value.GetProperty("calls").GetInt32()));
            Assert.Empty(run.GetProperty("not_measured").EnumerateObject());
            Assert.True(run.GetProperty("step_ms").GetDouble() > 0);
        }
    }

    [Fact]
    public void Table_NamesEveryCaseAndTheStep()
    {
        CliRun run = demo.Run("bench", "--size", "tiny", "--op", "attention", "--device", "cpu", "--threads", "1", "--repeat", "1").Exits(0);

        Assert.StartsWith("operation ", run.Text, StringComparison.Ordinal);
        Assert.Contains("\nattention       2x64x32,64,4 ", run.Text, StringComparison.Ordinal);
        Assert.Contains("\nstep ", run.Text, StringComparison.Ordinal);
        Assert.Contains("batch 2", run.Text, StringComparison.Ordinal);
    }

    [Theory, InlineData("tiny", "tiny"), InlineData(null, "demo.safetensors")]
    public void Stages_AreMeasuredByClass(string? size, string model)
    {
        JsonElement json = demo.Run(["bench", "stages", .. size is null ? (string[])[] : ["--size", size], .. s_cpu]).Exits(0).Json;

        Assert.Equal("stages", json.GetProperty("bench").GetString());
        Assert.Equal(model, json.GetProperty("model").GetString());
        JsonElement[] stages = [.. json.GetProperty("stages").EnumerateArray()];
        Assert.Equal(["fbank", "beats", "embedder", "text", "unet-1", "unet-2", "step-1", "step-2", "vae"], stages.Select(stage => stage.GetProperty("name").GetString()));
        Assert.All(stages, stage => Assert.True(stage.GetProperty("median_ms").GetDouble() > 0));
        Assert.All(stages, stage => Assert.Equal(OperatingSystem.IsLinux() ? JsonValueKind.Number : JsonValueKind.Null, stage.GetProperty("page_faults").ValueKind));
        foreach (JsonElement stage in stages[1..])
        {
            JsonElement linear = stage.GetProperty("classes").GetProperty("linear");
            Assert.True(linear.GetProperty("calls").GetInt32() > 0);
            foreach (string name in (string[])["ms", "flops", "gflops_per_s", "share_of_peak"])
                Assert.True(linear.GetProperty(name).GetDouble() > 0, name);
        }
    }

    [Fact]
    public void StageTable_NamesStagesAndClasses()
    {
        CliRun run = demo.Run("bench", "stages", "--op", "unet", "--batch", "1", "--size", "tiny", "--device", "cpu", "--threads", "1", "--repeat", "1").Exits(0);

        Assert.StartsWith("stage ", run.Text, StringComparison.Ordinal);
        Assert.Contains("\nunet-1 ", run.Text, StringComparison.Ordinal);
        Assert.Contains(" attention ", run.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_OfKernelsIsRefused() => demo.Run("bench", "kernels", "--check").Refuses(2501, "--check is given, but bench kernels does not take it");

    [Fact]
    public void Rows_HavePyTorchsNamesAndTheError()
    {
        using TemporaryFolder folder = new();
        string path = Path.Combine(folder.Path, "rows.json");
        demo.Run(["bench", "stages", "--size", "tiny", "--op", "vae,step,unet,text", "--batch", "2", "--check", "--rows", path, .. s_cpu]).Exits(0);

        using JsonDocument file = JsonDocument.Parse(File.ReadAllBytes(path));
        Assert.Contains("cpu, 1 threads", file.RootElement.GetProperty("machine").GetProperty("device").GetString(), StringComparison.Ordinal);
        JsonElement[] rows = [.. file.RootElement.GetProperty("rows").EnumerateArray()];
        Assert.Equal(
            [("text", 2), ("unet", 2), ("step", 2), ("vae decode", 1)],
            rows.Select(row => (row.GetProperty("name").GetString(), row.GetProperty("batch").GetInt32())));
        foreach (JsonElement row in rows)
        {
            Assert.Equal("fp32", row.GetProperty("dtype").GetString());
            foreach (string name in (string[])["median_ms", "p10_ms", "p90_ms"])
                Assert.True(row.GetProperty(name).GetDouble() > 0, name);
            Assert.InRange(row.GetProperty("rel_rms").GetDouble(), 0, 1e-5); // fp32 beside fp32 that sums in another order
        }

        demo.Run("bench", "kernels", "--op", "layer-norm", "--shape", "8x8", "--device", "cpu", "--rows", path).Refuses(8501, "exists already and is not replaced", "another name with --rows");
    }

    [Fact]
    public void Pictures_AreMeasuredWhereTheyAreNamed()
    {
        JsonElement json = demo.Run(["bench", "stages", "--size", "tiny", "--op", "image", .. s_cpu]).Exits(0).Json;

        JsonElement[] stages = [.. json.GetProperty("stages").EnumerateArray()];
        Assert.Equal(["image-pndm-50", "image-lcm-4"], stages.Select(stage => stage.GetProperty("name").GetString()));
        Assert.All(stages, stage => Assert.True(stage.GetProperty("median_ms").GetDouble() > 0));
    }

    [Fact]
    public void Ceilings_AreMeasured()
    {
        JsonElement json = demo.Run(["bench", "ceilings", "--device", "cpu", "--threads", "2", "--json"]).Exits(0).Json;

        Assert.Equal("ceilings", json.GetProperty("bench").GetString());
        Assert.Equal(
            ["fma_peak_1_thread", "fma_peak", "memory_read_1_thread", "memory_copy_1_thread", "memory_read", "memory_copy"],
            json.GetProperty("ceilings").EnumerateArray().Select(ceiling => ceiling.GetProperty("name").GetString()));
        Assert.All(json.GetProperty("ceilings").EnumerateArray(), ceiling => Assert.True(ceiling.GetProperty("value").GetDouble() > 0));
    }

    [Fact]
    public void Cancellation_IsHeeded()
    {
        using CancellationTokenSource cancelled = new();
        cancelled.Cancel();

        demo.Run(new CliInput { Cancellation = cancelled.Token }, "bench", "--size", "tiny", "--device", "cpu").Exits(130);
    }
}
