using System.Reflection;
using System.Runtime.InteropServices;
using AudioToken.Backends.Cuda.Compilation;
using AudioToken.Backends.Cuda.Peer;

namespace AudioToken.Backends.Cuda.Driver;

/// <summary>Finds the driver's library, NVRTC and cuBLASLt at run time; none is needed to start the program, or loaded before it is asked for.</summary>
internal static class NativeLibraries
{
    /// <summary>The driver, under the name that the bindings use.</summary>
    public const string Driver = "audiotoken:cuda";

    /// <summary>The run-time compiler, under the name that the bindings use.</summary>
    public const string Compiler = "audiotoken:nvrtc";

    /// <summary>NVIDIA's library of matrix products, under the name that the bindings use.</summary>
    public const string Peer = "audiotoken:cublaslt";

    /// <summary>Names the driver's library file itself, whatever the system has.</summary>
    public const string DriverVariable = "AUDIOTOKEN_CUDA";

    /// <summary>Names NVRTC's library file itself.</summary>
    public const string CompilerVariable = "AUDIOTOKEN_NVRTC";

    /// <summary>Names cuBLASLt's library file itself.</summary>
    public const string PeerVariable = "AUDIOTOKEN_CUBLASLT";

    private static readonly Lock s_guard = new();
    private static readonly Dictionary<string, nint> s_handles = [];

    static NativeLibraries() =>
        NativeLibrary.SetDllImportResolver(typeof(NativeLibraries).Assembly, (name, _, _) => name is Driver or Compiler or Peer ? Handle(name) : 0);

    /// <summary>Whether the library was found. To be asked before the first call into it.</summary>
    public static bool IsFound(string library) => Handle(library) != 0;

    /// <summary>The address of a function that older versions lack, or zero.</summary>
    public static nint Function(string library, string name) =>
        Handle(library) is var handle && handle != 0 && NativeLibrary.TryGetExport(handle, name, out nint address) ? address : 0;

    /// <summary>What is tried, in this order: the variable alone if it is set, else the names under which systems install it.</summary>
    public static string[] Candidates(string library)
    {
        string? named = Environment.GetEnvironmentVariable(library switch { Driver => DriverVariable, Compiler => CompilerVariable, _ => PeerVariable });
        if (!string.IsNullOrEmpty(named))
            return [named];
        if (library == Driver)
            return OperatingSystem.IsWindows() ? ["nvcuda.dll"] : ["libcuda.so.1", "libcuda.so", "/usr/lib/wsl/lib/libcuda.so.1", "/usr/local/nvidia/lib64/libcuda.so.1"];
        if (OperatingSystem.IsWindows())
            return [.. Majors().Select(major => library == Compiler ? $"nvrtc64_{major}0_0.dll" : $"cublasLt64_{major}.dll")];
        string file = library == Compiler ? "libnvrtc.so" : "libcublasLt.so";
        int[] majors = Majors();
        return [.. majors.Select(major => $"{file}.{major}"), .. majors.Select(major => $"/usr/local/cuda/lib64/{file}.{major}"), file, $"/usr/local/cuda/lib64/{file}"];
    }

    // Of the toolkit's libraries the newest that goes with the driver; without a driver, which is where kernels are built ahead, the newest.
    private static int[] Majors()
    {
        const int Cuda13 = 13000;
        bool isOld = IsFound(Driver) && CudaDriver.cuDriverGetVersion(out int version) == CudaResult.Success && version < Cuda13;
        return isOld ? [12, 13] : [13, 12];
    }

    /// <summary>What a library is asked for its version by: a file that lacks it is something else.</summary>
    internal static string FirstFunction(string library) => library switch
    {
        Driver => nameof(CudaDriver.cuDriverGetVersion),
        Compiler => nameof(Nvrtc.nvrtcVersion),
        _ => nameof(CublasLt.cublasLtGetVersion),
    };

    private static nint Handle(string library)
    {
        nint known;
        lock (s_guard)
        {
            if (s_handles.TryGetValue(library, out known))
                return known;
        }

        string[] candidates = Candidates(library); // may ask the driver, whose start asks here
        lock (s_guard)
        {
            if (s_handles.TryGetValue(library, out known))
                return known;
            foreach (string candidate in candidates)
            {
                if (!NativeLibrary.TryLoad(candidate, Assembly.GetExecutingAssembly(), null, out nint handle))
                    continue;
                if (NativeLibrary.TryGetExport(handle, FirstFunction(library), out _))
                    return s_handles[library] = handle;
                NativeLibrary.Free(handle); // some other library of that name
            }

            return 0; // asked again next time: it may be installed meanwhile
        }
    }
}
