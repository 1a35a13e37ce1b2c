using System.CommandLine;
using System.Globalization;
using AudioToken.Backends.Cpu;
using AudioToken.Tensors;

namespace AudioToken.Cli.Options;

/// <summary>What computes. This is the one place that chooses a backend.</summary>
internal sealed class DeviceOptions(Terminal terminal)
{
    private const int MaxThreads = 1024;

    private readonly Option<string?> _device = new("--device")
    {
        Description = "auto (default), cpu, or cuda[:INDEX], which this build has not [AUDIOTOKEN_DEVICE]",
        HelpName = "auto|cpu|cuda[:i]",
    };

    private readonly Option<int?> _threads = Checked.Number("--threads", [], "threads that compute; default: one a core [AUDIOTOKEN_THREADS]", 1, MaxThreads);

    private readonly Option<bool> _exact = new("--exact")
    {
        Description = "no arithmetic short cuts: 3x3 convolutions term by term, slower, with about a third of the rounding error",
    };

    public void AddTo(Command command)
    {
        command.Options.Add(_exact);
        command.Options.Add(_device);
        command.Options.Add(_threads);
    }

    /// <summary>Checks what was asked for and tells what computes, in one line where the choice was ours.</summary>
    /// <exception cref="AudioTokenException">The device is not in this build (5501), or no device is called so (2501).</exception>
    public CpuOptions Choose(ParseResult parsed, Messages messages)
    {
        string device = parsed.GetValue(_device) ?? terminal.Variable("AUDIOTOKEN_DEVICE") ?? "auto";
        if (IsCuda(device))
        {
            throw new AudioTokenException(
                ErrorCode.NoDevice, $"--device {device}: this build has no CUDA backend; it computes on the CPU only", "--device cpu, or leave --device out");
        }

        if (device is not ("auto" or "cpu"))
            throw new AudioTokenException(ErrorCode.Usage, $"--device is '{device}', wanted auto, cpu or cuda[:INDEX]", "--device auto");
        int threads = parsed.GetValue(_threads)
            ?? (terminal.Variable("AUDIOTOKEN_THREADS") is { Length: > 0 } text ? Checked.Parse("AUDIOTOKEN_THREADS", text, 1, MaxThreads) : Environment.ProcessorCount);
        string line = string.Create(CultureInfo.InvariantCulture, $"device: cpu, {threads} thread{(threads == 1 ? "" : "s")}");
        if (device == "auto")
            messages.Note(line + " (auto: this build has no CUDA backend)");
        else
            messages.Detail(line);
        return new CpuOptions { Threads = threads, Exact = parsed.GetValue(_exact) };
    }

    private static bool IsCuda(string device) =>
        device == "cuda" || (device.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(device.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out _));
}
