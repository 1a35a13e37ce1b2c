using System.CommandLine;
using System.Globalization;
using AudioToken.Backends.Cpu;
using AudioToken.Backends.Cuda;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Cli.Machine;
using AudioToken.Tensors;

namespace AudioToken.Cli.Options;

/// <summary>What computes. This is the one place that chooses a backend.</summary>
internal sealed class DeviceOptions(Terminal terminal)
{
    private readonly Option<string?> _device = new("--device")
    {
        Description = "auto (default: CUDA where a device is found), cpu, or cuda[:INDEX] [AUDIOTOKEN_DEVICE]",
        HelpName = "auto|cpu|cuda[:i]",
    };

    private readonly Option<int?> _threads = Checked.Number("--threads", [], "threads that compute; default: one a core [AUDIOTOKEN_THREADS]", 1, CpuOptions.MaxThreads);

    private readonly Option<bool> _exact = new("--exact")
    {
        Description = "no short cuts that round more than plain sums: slower, with about a third of the rounding error in 3x3 convolutions",
    };

    private readonly Option<string?> _precision = Checked.Word(
        "--precision", ["--dtype"], "how CUDA stores weights and activations (default fp16); sums are fp32 whichever it is", "fp16", "bf16", "fp32");

    public void AddTo(Command command)
    {
        command.Options.Add(_exact);
        command.Options.Add(_device);
        command.Options.Add(_precision);
        command.Options.Add(_threads);
    }

    /// <summary>Checks what was asked for and tells what computes, in one line where the choice was ours.</summary>
    /// <exception cref="AudioTokenException">No device is called so (2501), or there is no such CUDA device (51xx).</exception>
    public ComputeDevice Choose(ParseResult parsed, Messages messages)
    {
        string device = parsed.GetValue(_device) ?? terminal.Set("AUDIOTOKEN_DEVICE") ?? "auto";
        if (IsCuda(device, out int index))
            return Cuda(parsed, messages.Detail, index, messages);
        if (device == "auto" && CudaOps.WhyNot() is null)
            return Cuda(parsed, messages.Note, 0, messages);

        if (device is not ("auto" or "cpu"))
        {
            string subject = parsed.GetValue(_device) is null ? "AUDIOTOKEN_DEVICE" : "--device";
            throw new AudioTokenException(ErrorCode.Usage, $"{subject} is '{device}', wanted auto, cpu or cuda[:INDEX]", "--device auto");
        }

        int threads = parsed.GetValue(_threads)
            ?? (terminal.Set("AUDIOTOKEN_THREADS") is { } text ? Checked.Parse("AUDIOTOKEN_THREADS", text, 1, CpuOptions.MaxThreads) : Environment.ProcessorCount);
        string line = string.Create(CultureInfo.InvariantCulture, $"device: cpu, {threads} thread{(threads == 1 ? "" : "s")}");
        if (device == "auto")
            messages.Note(line + " (auto: no CUDA device can be used; 'audiotoken doctor' says why)");
        else
            messages.Detail(line);
        CpuOptions options = new() { Threads = threads, Exact = parsed.GetValue(_exact) };
        return new ComputeDevice(CpuOps.DeviceName, threads, MachineFacts.Memory, () => new CpuOps(options), () => CpuOps.Count(options))
        {
            OpenExact = () => new CpuOps(options with { Exact = true }),
        };
    }

    private ComputeDevice Cuda(ParseResult parsed, Action<string> tell, int index, Messages messages)
    {
        CudaDevice device = CudaDevice.Get(index);
        string precision = parsed.GetValue(_precision) ?? "fp16";
        DType storage = precision switch { "fp32" => DType.F32, "bf16" => DType.BF16, _ => DType.F16 };
        tell(string.Create(CultureInfo.InvariantCulture, $"device: cuda:{index}, {device.Name}, {precision}"));
        CudaOptions options = new() { DeviceIndex = index, Storage = storage, Note = messages.Warn };
        return new ComputeDevice(string.Create(CultureInfo.InvariantCulture, $"cuda:{index}"), 1, device.MemoryBytes, () => new CudaOps(options), () => CudaOps.Count(options))
        {
            OpenExact = () => new CudaOps(options with { Storage = DType.F32 }),
            Storage = storage,
        };
    }

    private static bool IsCuda(string device, out int index)
    {
        index = 0;
        return device == "cuda" || (device.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(device.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out index));
    }
}
