using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using AudioToken.Backends.Cuda.Driver;

namespace AudioToken.Backends.Cuda.Compilation;

/// <summary>Turns kernel files into machine code with NVRTC. Safe for concurrent calls.</summary>
internal static unsafe class KernelCompiler
{
    private const int InvalidOption = 5;
    private const int NoBuiltins = 7;
    private const int MinimumMajor = 12;

    private static readonly int[] s_virtualArchitectures = [120, 100, 90, 80];

    /// <summary>What every kernel file is compiled with, beside the architecture and the file's macros.</summary>
    public static IReadOnlyList<string> Options { get; } = ["--std=c++17", "--generate-line-info"];

    /// <summary>E.g. <c>nvrtc 13.0</c>, or null where there is none that is new enough.</summary>
    public static string? Version()
    {
        if (!NativeLibraries.IsFound(NativeLibraries.Compiler) || Nvrtc.nvrtcVersion(out int major, out int minor) != 0 || major < MinimumMajor)
            return null;
        return string.Create(CultureInfo.InvariantCulture, $"nvrtc {major}.{minor}");
    }

    /// <summary>Why nothing can be compiled here, and what helps; null where it can.</summary>
    /// <param name="wanted">What for, the beginning of a sentence.</param>
    /// <param name="architecture">E.g. <c>sm_90a</c>.</param>
    public static CudaException? WhyNot(string wanted, string architecture)
    {
        string hint = $"install NVRTC of CUDA {MinimumMajor} or 13 (package cuda-nvrtc), name its file in {NativeLibraries.CompilerVariable}, or copy what 'audiotoken kernels build --arch {architecture}' makes elsewhere into the folder 'kernels' beside the program";
        if (!NativeLibraries.IsFound(NativeLibraries.Compiler))
            return new CudaException(CudaErrors.NoCompiler, $"{wanted}, and NVRTC was not found (tried {string.Join(", ", NativeLibraries.Candidates(NativeLibraries.Compiler))})", hint);
        return Nvrtc.nvrtcVersion(out int major, out int minor) != 0 || major < MinimumMajor
            ? new CudaException(CudaErrors.NoCompiler, string.Create(CultureInfo.InvariantCulture, $"NVRTC is of CUDA {major}.{minor}; {MinimumMajor}.0 or newer is wanted"), hint)
            : null;
    }

    /// <summary>Compiles for an architecture, or, where the compiler is too old to know it, for the newest that it does know.</summary>
    /// <param name="source">The file.</param>
    /// <param name="architecture">E.g. <c>sm_90a</c>.</param>
    /// <param name="exactly">Machine code of this very architecture, or an error.</param>
    /// <returns>A CUBIN, or PTX, which the driver turns into machine code of its device.</returns>
    /// <exception cref="CudaException">5105: there is no NVRTC, or one that is too old. 5106: an error in the source; the message has the
    /// first error, and where log and source are kept.</exception>
    public static byte[] Compile(KernelSource source, string architecture, bool exactly = false)
    {
        if (WhyNot($"kernel file {source.File} must be compiled", architecture) is { } reason)
            throw reason;
        int code = 0;
        string log = "";
        foreach (string target in exactly ? [architecture] : Targets(architecture))
        {
            (code, byte[] image, log) = CompileFor(source, target);
            if (code == 0)
                return image;
            if (code != InvalidOption)
                break;
        }

        throw Failure(source, architecture, code, log);
    }

    // The exact architecture first; then without its suffix; then PTX of older ones, which newer devices run too.
    private static IEnumerable<string> Targets(string architecture)
    {
        yield return architecture;
        int capability = int.Parse(architecture.AsSpan(3).TrimEnd('a'), CultureInfo.InvariantCulture);
        if (architecture.EndsWith('a'))
            yield return $"sm_{capability}";
        foreach (int older in s_virtualArchitectures.Where(older => older <= capability))
            yield return $"compute_{older}";
    }

    private static (int Code, byte[] Image, string Log) CompileFor(KernelSource source, string target)
    {
        string[] options = [$"--gpu-architecture={target}", .. Options, .. source.Defines.Select(define => "-D" + define)];
        string[] texts = [.. source.Headers.Select(header => header.Text)], names = [.. source.Headers.Select(header => header.Name)];
        int code = Nvrtc.nvrtcCreateProgram(out nint program, source.Text, source.File, names.Length, texts, names);
        if (code != 0)
            return (code, [], "");
        try
        {
            code = Nvrtc.nvrtcCompileProgram(program, options.Length, options);
            string log = Log(program);
            byte[] image = [];
            if (code == 0)
                code = ReadImage(program, isPtx: target.StartsWith("compute_", StringComparison.Ordinal), out image);
            return (code, image, log);
        }
        finally
        {
            Nvrtc.nvrtcDestroyProgram(ref program);
        }
    }

    // Of a virtual architecture there is only PTX.
    private static int ReadImage(nint program, bool isPtx, out byte[] image)
    {
        int code = isPtx ? Nvrtc.nvrtcGetPTXSize(program, out nuint bytes) : Nvrtc.nvrtcGetCUBINSize(program, out bytes);
        image = code == 0 ? new byte[bytes] : [];
        if (code != 0)
            return code;
        fixed (byte* to = image)
            return isPtx ? Nvrtc.nvrtcGetPTX(program, to) : Nvrtc.nvrtcGetCUBIN(program, to);
    }

    private static string Log(nint program)
    {
        if (Nvrtc.nvrtcGetProgramLogSize(program, out nuint bytes) != 0 || bytes <= 1)
            return "";
        byte[] log = new byte[bytes];
        fixed (byte* to = log)
            return Nvrtc.nvrtcGetProgramLog(program, to) == 0 ? Encoding.UTF8.GetString(log.AsSpan(..^1)) : "";
    }

    private static CudaException Failure(KernelSource source, string architecture, int code, string log)
    {
        string name = Marshal.PtrToStringUTF8(Nvrtc.nvrtcGetErrorString(code)) ?? "?";
        if (code == NoBuiltins)
        {
            string version = Version()!["nvrtc ".Length..];
            return new CudaException(CudaErrors.NoCompiler, $"kernel file {source.File} must be compiled, and NVRTC {version} does not find its library of builtins ({name}): {log.Trim()}", $"install libnvrtc-builtins of CUDA {version} beside it (package cuda-nvrtc has both), or copy kernels built elsewhere by 'audiotoken kernels build'", code);
        }

        string first = log.Split('\n').FirstOrDefault(line => line.Contains("error", StringComparison.OrdinalIgnoreCase))?.Trim() ?? "the compiler gives no reason";
        string kept;
        try
        {
            kept = $"log and source: {Keep(source, architecture, log)}";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            kept = $"log (it cannot be kept: {exception.Message}):\n{log.Trim()}";
        }

        string hint = code == InvalidOption
            ? $"a newer NVRTC, or an architecture that {Version()} knows"
            : "please report it with the log; --device cpu computes without kernels";
        return new CudaException(CudaErrors.Compilation, $"kernel file {source.File} does not compile for {architecture} with {Version()} ({name}): {first}\n{kept}", hint, code);
    }

    // For whoever reads the log: the very texts that the compiler had.
    private static string Keep(KernelSource source, string architecture, string log)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("audiotoken-kernel-");
        foreach ((string name, string text) in source.Headers.Append((source.File, source.Text)).Append(("log.txt", $"{architecture} {string.Join(' ', source.Defines)}\n{log}")))
        {
            string path = Path.Combine(folder.FullName, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, text);
        }

        return folder.FullName;
    }
}
