using System.Diagnostics;
using System.Text.Json;

namespace AudioToken.Benchmarks;

/// <summary>PyTorch in a process of its own, asked for one run at a time, so that both sides take turns on the same cores.</summary>
internal sealed class TorchPeer : IDisposable
{
    /// <summary>The interpreter where none is named.</summary>
    public const string Python = "/usr/bin/python3";

    private readonly Process _process;

    private TorchPeer(Process process, string version)
    {
        _process = process;
        Version = version;
    }

    /// <summary>PyTorch's version.</summary>
    public string Version { get; }

    /// <summary>Starts the peer, or gives null where there is no Python with PyTorch, and says so, or none is wanted.</summary>
    /// <param name="script">In benchmarks/pytorch.</param>
    /// <param name="python">The interpreter, or <c>none</c>.</param>
    /// <param name="threads">PyTorch's threads.</param>
    /// <param name="options">More for the script.</param>
    public static TorchPeer? Start(string script, string python, int threads, params string[] options)
    {
        if (python == "none")
            return null;
        ProcessStartInfo start = new(python, [script, "--threads", threads.ToString(System.Globalization.CultureInfo.InvariantCulture), .. options])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        // PyTorch at its best: an allocator that keeps its memory saves it a third of its time in page faults.
        start.Environment["MALLOC_MMAP_MAX_"] = "0";
        start.Environment["MALLOC_TRIM_THRESHOLD_"] = "68719476736";
        start.Environment["MALLOC_TOP_PAD_"] = "67108864";
        start.Environment["GLIBC_TUNABLES"] = "glibc.malloc.hugetlb=1";
        try
        {
            Process process = Process.Start(start)!;
            if (process.StandardOutput.ReadLine() is { } line)
            {
                using JsonDocument hello = JsonDocument.Parse(line);
                return new TorchPeer(process, hello.RootElement.GetProperty("torch").GetString()!);
            }
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // No such interpreter.
        }

        Console.Error.WriteLine($"No peer: '{python} {script}' gave no answer (run from the repository's root; apt-get install python3-torch libopenblas0).");
        return null;
    }

    /// <summary>Runs a stage once.</summary>
    /// <returns>Milliseconds, the first values of the result and its root mean square.</returns>
    public (double Milliseconds, double[] Sample, double Rms) Run(string stage)
    {
        using JsonDocument answer = Ask("run " + stage);
        return (
            answer.RootElement.GetProperty("ms").GetDouble(),
            [.. answer.RootElement.GetProperty("sample").EnumerateArray().Select(value => value.GetDouble())],
            answer.RootElement.GetProperty("rms").GetDouble());
    }

    /// <summary>Frees a stage's network.</summary>
    public void Drop(string stage) => Ask("drop " + stage).Dispose();

    /// <inheritdoc/>
    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(10_000))
            _process.Kill();
        _process.Dispose();
    }

    /// <summary>Sends a line and reads the answer.</summary>
    public JsonDocument Ask(string line)
    {
        _process.StandardInput.WriteLine(line);
        _process.StandardInput.Flush();
        return JsonDocument.Parse(_process.StandardOutput.ReadLine() ?? throw new InvalidOperationException($"PyTorch ended at '{line}'."));
    }
}
