using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace AudioToken.Testing;

/// <summary>A CUDA device made of C++ (kernels/emulator): libcuda's, NVRTC's and cuBLASLt's functions, built by CMake once for all test programs.</summary>
/// <remarks>One a process, and one thing at a time: its switches, counts and faults are the process's.</remarks>
public sealed unsafe class EmulatedDevice
{
    private static readonly Lazy<(EmulatedDevice? Device, string? WhyNot)> s_device = new(Make);

    private readonly delegate* unmanaged<byte*, long, int> _set;
    private readonly delegate* unmanaged<byte*, long, int, int> _fault;
    private readonly delegate* unmanaged<byte*, long> _count;
    private readonly delegate* unmanaged<byte*, long, long> _counts;
    private readonly delegate* unmanaged<int> _reset;

    private EmulatedDevice(string path)
    {
        LibraryPath = path;
        nint library = NativeLibrary.Load(path);
        _set = (delegate* unmanaged<byte*, long, int>)NativeLibrary.GetExport(library, "atkEmuSet");
        _fault = (delegate* unmanaged<byte*, long, int, int>)NativeLibrary.GetExport(library, "atkEmuFault");
        _count = (delegate* unmanaged<byte*, long>)NativeLibrary.GetExport(library, "atkEmuCount");
        _counts = (delegate* unmanaged<byte*, long, long>)NativeLibrary.GetExport(library, "atkEmuCounts");
        _reset = (delegate* unmanaged<int>)NativeLibrary.GetExport(library, "atkEmuReset");
        // What the backend looks for in place of the system's libraries.
        Environment.SetEnvironmentVariable("AUDIOTOKEN_CUDA", path);
        Environment.SetEnvironmentVariable("AUDIOTOKEN_NVRTC", path);
        Environment.SetEnvironmentVariable("AUDIOTOKEN_CUBLASLT", path);
    }

    /// <summary>Why there is none here, in words for a skipped test; null where there is one.</summary>
    public static string? WhyNot => s_device.Value.WhyNot;

    /// <summary>The device, with all switches as they are by default.</summary>
    /// <exception cref="InvalidOperationException">There is none (<see cref="WhyNot"/>).</exception>
    public static EmulatedDevice Fresh()
    {
        EmulatedDevice device = s_device.Value.Device ?? throw new InvalidOperationException(WhyNot);
        foreach ((string name, long value) in new[] { ("devices", 1L), ("capability", 90), ("driver", 13000), ("nvrtc", 13000), ("memory", 8L << 30), ("execute", 1), ("workers", Environment.ProcessorCount), ("order", 0), ("seed", 1) })
            device.Set(name, value);
        device.Reset();
        return device;
    }

    /// <summary>The library, which stands in for libcuda, NVRTC and cuBLASLt.</summary>
    public string LibraryPath { get; }

    /// <summary>Changes the device; the names are in kernels/emulator/call.h.</summary>
    public void Set(string name, long value)
    {
        fixed (byte* text = Text(name))
        {
            if (_set(text, value) != 0)
                throw new ArgumentException($"the emulated device has no switch '{name}'", nameof(name));
        }
    }

    /// <summary>Lets the nth call (1: the next, 0: every one) of a function fail; <c>kernel:NAME</c> is a launch of that kernel.</summary>
    public void Fault(string call, long nth, int code)
    {
        fixed (byte* text = Text(call))
            _ = _fault(text, nth, code);
    }

    /// <summary>How often something was called since the last reset, or how much is held.</summary>
    public long Count(string what)
    {
        fixed (byte* text = Text(what))
            return _count(text);
    }

    /// <summary>Everything that was counted since the last reset.</summary>
    public IReadOnlyDictionary<string, long> Counts()
    {
        byte[] text = new byte[_counts(null, 0)];
        fixed (byte* to = text)
            _ = _counts(to, text.Length);
        return Encoding.UTF8.GetString(text, 0, text.Length - 1).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(' ')).ToDictionary(parts => parts[0], parts => long.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture));
    }

    /// <summary>Forgets counts, faults, and that the device was lost.</summary>
    public void Reset() => _ = _reset();

    private static byte[] Text(string text) => Encoding.UTF8.GetBytes(text + '\0');

    private static (EmulatedDevice? Device, string? WhyNot) Make()
    {
        if (Repository.Root is not { } root)
            return (null, "the emulated device is built from the working tree, which is not here");
        if (!OperatingSystem.IsLinux() || RuntimeInformation.OSArchitecture != Architecture.X64)
            return (null, "the emulated device is for Linux on x86-64");
        Leftovers.Sweep();
        string build = Path.Combine(root, "artifacts", "emulator");
        Directory.CreateDirectory(build);
        using FileStream turn = Turn(Path.Combine(build, ".lock"));
        foreach (string[] arguments in new[] { new[] { "-S", root, "-B", build, "-DCMAKE_BUILD_TYPE=Release" }, ["--build", build, "--target", "atk_cuda_emu"] })
        {
            if (Run("cmake", arguments) is { } failure)
                return (null, failure);
        }

        return (new EmulatedDevice(Path.Combine(build, "kernels", "libatk_cuda_emu.so")), null);
    }

    // Test programs run side by side, and one of them builds.
    private static FileStream Turn(string path)
    {
        for (int tries = 0; ; tries++)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (tries < 3000)
            {
                Thread.Sleep(100);
            }
        }
    }

    private static string? Run(string program, string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
            process.WaitForExit();
            // A compiler that is there and fails is a defect, not a reason to skip.
            return process.ExitCode == 0 || errors.Result.Contains("No CMAKE_CXX_COMPILER", StringComparison.Ordinal)
                ? process.ExitCode == 0 ? null : "the emulated device wants g++"
                : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} failed:\n{output.Result}\n{errors.Result}");
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return $"the emulated device wants {program}";
        }
    }
}
