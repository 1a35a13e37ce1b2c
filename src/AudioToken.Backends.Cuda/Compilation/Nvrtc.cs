using System.Runtime.InteropServices;
using AudioToken.Backends.Cuda.Driver;

namespace AudioToken.Backends.Cuda.Compilation;

/// <summary>NVRTC's C interface (nvrtc.h), as far as it is used: the same in CUDA 12 and 13.</summary>
internal static unsafe partial class Nvrtc
{
    private const string Library = NativeLibraries.Compiler;

    // The resolver must stand before the first call.
    static Nvrtc() => NativeLibraries.IsFound(Library);

    [LibraryImport(Library)]
    public static partial int nvrtcVersion(out int major, out int minor);

    [LibraryImport(Library)]
    public static partial nint nvrtcGetErrorString(int code);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int nvrtcCreateProgram(out nint program, string source, string name, int headers, [In] string[] texts, [In] string[] names);

    [LibraryImport(Library)]
    public static partial int nvrtcDestroyProgram(ref nint program);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int nvrtcCompileProgram(nint program, int count, [In] string[] options);

    [LibraryImport(Library)]
    public static partial int nvrtcGetCUBINSize(nint program, out nuint bytes);

    [LibraryImport(Library)]
    public static partial int nvrtcGetCUBIN(nint program, byte* cubin);

    [LibraryImport(Library)]
    public static partial int nvrtcGetPTXSize(nint program, out nuint bytes);

    [LibraryImport(Library)]
    public static partial int nvrtcGetPTX(nint program, byte* ptx);

    [LibraryImport(Library)]
    public static partial int nvrtcGetProgramLogSize(nint program, out nuint bytes);

    [LibraryImport(Library)]
    public static partial int nvrtcGetProgramLog(nint program, byte* log);
}
