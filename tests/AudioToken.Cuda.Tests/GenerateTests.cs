using System.Diagnostics;
using System.Text.Json;
using AudioToken.Cli;
using AudioToken.Sampling;
using AudioToken.Testing;
using AudioToken.Weights;
using AudioToken.WeightsConverter;
using Xunit;

namespace AudioToken.Cuda.Tests;

/// <summary><c>audiotoken generate</c> on the emulated device, as a user asks for it; and what is said where no device can be used (RELIABILITY 44, 45).</summary>
public sealed class GenerateTests : IDisposable
{
    private const string CacheVariable = "AUDIOTOKEN_KERNEL_CACHE";

    private readonly string _folder = Directory.CreateTempSubdirectory("audiotoken-generate-").FullName;

    public GenerateTests()
    {
        using TinyModel tiny = new();
        using (ModelFiles files = tiny.Open())
            new BundleBuilder().Build(files, PathOf("model.safetensors"));
        using FileStream sound = File.Create(PathOf("bell.wav"));
        DemoSounds.Write("bell", sound);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<string[]> Plans =>
    [
        .. ((string[])["fp16", "bf16", "fp32"]).Select(precision => (string[])["--precision", precision]),
        .. SamplerKinds.Names.Select(name => (string[])["--sampler", name, "--steps", "5", "--cfg-scale", "3"]),
    ];

    [Theory]
    [MemberData(nameof(Plans))]
    public void DryRun_SaysWhatARunTakes_AndAsksTheDeviceForNothing(string[] asked) => Setup.Run(setup =>
    {
        setup.Emulator.Set("execute", 0);
        string[] options = ["--device", "cuda", "--json", .. asked];
        string cache = Environment.GetEnvironmentVariable(CacheVariable) ?? "";
        Environment.SetEnvironmentVariable(CacheVariable, PathOf("kernels"));
        JsonElement plan = Json(Run(0, [.. options, "--dry-run"]).Output);
        Environment.SetEnvironmentVariable(CacheVariable, cache);
        Assert.False(Directory.Exists(PathOf("kernels")));
        Assert.Equal((0, 0, 0), (setup.Emulator.Count("kernels"), setup.Emulator.Count("cuMemAllocAsync"), setup.Emulator.Count("bytes.up")));
        Assert.Equal("cuda:0", plan.GetProperty("device").GetString());
        JsonElement memory = plan.GetProperty("memory");
        Assert.Equal(8L << 30, memory.GetProperty("device_bytes").GetInt64());

        setup.Emulator.Reset();
        Run(0, options);
        Assert.Equal(memory.GetProperty("peak_bytes").GetInt64(), setup.Emulator.Count("bytes.peak"));
    });

    [Fact]
    public void Auto_TakesTheDevice_AndSaysSo() => Setup.Run(setup =>
    {
        (_, string error) = Run(0, "--device", "auto");
        Assert.Contains("device: cuda:0, Emulated device, fp16\n", error, StringComparison.Ordinal);
        Assert.True(setup.Emulator.Count("graphs") == 0 && setup.Emulator.Count("kernels") > 100); // one step: nothing to replay
        Assert.True(new FileInfo(PathOf("out.png")).Length > 1000);
    });

    [Fact]
    public void WhereNoDeviceCanBeUsed_CudaRefuses_AndAutoTakesTheProcessor() => Setup.Run(setup =>
    {
        (_, string error) = Run(5, "--device", "cuda:3");
        Assert.Contains("error AT5103: CUDA device 3 does not exist; there is 1 device, counted from 0", error, StringComparison.Ordinal);

        setup.Emulator.Set("devices", 0);
        Refuses("error AT5103: the NVIDIA driver shows no device");
        setup.Emulator.Set("devices", 1);
        setup.Emulator.Set("driver", 11080);
        Refuses("error AT5102: the NVIDIA driver supports CUDA 11.8; CUDA 12.0 or newer is wanted");
        setup.Emulator.Set("driver", 13000);
        setup.Emulator.Set("capability", 75);
        Refuses("error AT5104: CUDA device 0 (Emulated device) is sm_75; the kernels want sm_80 or newer");
        setup.Emulator.Set("capability", 90);
        setup.Emulator.Set("nvrtc", 11080);
        Refuses("error AT5105: NVRTC is of CUDA 11.8; 12.0 or newer is wanted");

        void Refuses(string words)
        {
            (_, string refused) = Run(5, "--device", "cuda");
            Assert.Contains(words, refused, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", refused, StringComparison.Ordinal);
            (_, string told) = Run(0, "--device", "auto");
            Assert.Single(told.Split('\n'), line => line.Contains("(auto: no CUDA device can be used; 'audiotoken doctor' says why)", StringComparison.Ordinal));
            File.Delete(PathOf("out.png"));
        }
    });

    // A file that is not there, and a library of something else.
    public static TheoryData<string> NoDrivers => ["none.so", Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "libSystem.Native.so")];

    [Theory]
    [MemberData(nameof(NoDrivers))]
    public async Task WithoutADriver_WhatWasLookedForIsNamed(string file)
    {
        string none = PathOf(file);
        ProcessStartInfo start = new(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet") { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (string argument in (string[])[Path.Combine(AppContext.BaseDirectory, "audiotoken.dll"), .. Arguments("--device", "cuda")])
            start.ArgumentList.Add(argument);
        start.Environment["AUDIOTOKEN_CUDA"] = none;
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        string error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal((5, ""), (process.ExitCode, await output));
        Assert.Contains($"error AT5101: the NVIDIA driver's library was not found (tried {none})", error, StringComparison.Ordinal);
        Assert.Contains("try:   install an NVIDIA driver for CUDA 12 or newer", error, StringComparison.Ordinal);
    }

    private (byte[] Output, string Error) Run(int wanted, params string[] options)
    {
        using MemoryStream output = new();
        using StringWriter error = new();
        Terminal terminal = new() { OpenInput = () => Stream.Null, Output = output, Error = error };
        int exit = CommandLine.RunAsync(Arguments(options), terminal, TestContext.Current.CancellationToken).GetAwaiter().GetResult();
        Assert.True(exit == wanted, $"exit code {exit}, wanted {wanted}: {error}");
        return (output.ToArray(), error.ToString());
    }

    private string[] Arguments(params string[] options)
    {
        string[] least = options.Contains("--steps") ? [] : ["--steps", "1", "--cfg-scale", "1"];
        return ["generate", PathOf("bell.wav"), "-m", PathOf("model.safetensors"), "-o", PathOf("out.png"), "--seed", "7", "-W", "64", "-H", "64", .. least, .. options];
    }

    private string PathOf(string name) => Path.Combine(_folder, name);

    private static JsonElement Json(byte[] output)
    {
        using JsonDocument document = JsonDocument.Parse(output);
        return document.RootElement.Clone();
    }
}
