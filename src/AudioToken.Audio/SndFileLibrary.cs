using System.Reflection;
using System.Runtime.InteropServices;

namespace AudioToken.Audio;

/// <summary>libsndfile's C interface, found at run time (sndfile.h, versions 1.0.x to 1.2.x).</summary>
internal static partial class SndFileLibrary
{
    public const int ReadMode = 0x10;

    private const string Name = "sndfile";
    private static readonly nint s_handle = Load();

    public static bool IsAvailable => s_handle != 0;

    [LibraryImport(Name, EntryPoint = "sf_open", StringMarshalling = StringMarshalling.Utf8)]
    public static partial SndFileHandle Open(string path, int mode, ref Info info);

    [LibraryImport(Name, EntryPoint = "sf_wchar_open", StringMarshalling = StringMarshalling.Utf16)]
    public static partial SndFileHandle OpenOnWindows(string path, int mode, ref Info info);

    [LibraryImport(Name, EntryPoint = "sf_readf_float")]
    public static partial long ReadFrames(SndFileHandle file, Span<float> samples, long frames);

    [LibraryImport(Name, EntryPoint = "sf_seek")]
    public static partial long Seek(SndFileHandle file, long frames, int whence);

    [LibraryImport(Name, EntryPoint = "sf_error")]
    public static partial int Error(SndFileHandle file);

    [LibraryImport(Name, EntryPoint = "sf_close")]
    public static partial int Close(nint file);

    /// <summary>Text of an error number.</summary>
    public static string Describe(int error) => Marshal.PtrToStringUTF8(ErrorText(error)) ?? $"error {error}";

    /// <summary>Text of why the last open failed; the library keeps it for the process.</summary>
    public static string DescribeOpenFailure() => Marshal.PtrToStringUTF8(ErrorTextOf(0)) ?? "unknown error";

    [LibraryImport(Name, EntryPoint = "sf_error_number")]
    private static partial nint ErrorText(int error);

    [LibraryImport(Name, EntryPoint = "sf_strerror")]
    private static partial nint ErrorTextOf(nint file);

    // AUDIOTOKEN_SNDFILE names the library file; otherwise the names under which systems install it.
    private static nint Load()
    {
        Assembly assembly = typeof(SndFileLibrary).Assembly;
        string[] names = Environment.GetEnvironmentVariable("AUDIOTOKEN_SNDFILE") is { Length: > 0 } named
            ? [named]
            : ["libsndfile.so.1", "libsndfile.so", "libsndfile.1.dylib", "libsndfile.dylib", "sndfile.dll", "libsndfile-1.dll"];
        foreach (string name in names)
        {
            if (NativeLibrary.TryLoad(name, assembly, null, out nint handle))
            {
                NativeLibrary.SetDllImportResolver(assembly, (wanted, _, _) => wanted == Name ? handle : 0);
                return handle;
            }
        }

        return 0;
    }

    /// <summary>SF_INFO.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Info
    {
        public long Frames;
        public int SampleRateHz;
        public int Channels;
        public int Format;
        public int Sections;
        public int Seekable;
    }
}

/// <summary>An open SNDFILE*.</summary>
internal sealed class SndFileHandle() : SafeHandle(0, ownsHandle: true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle() => SndFileLibrary.Close(handle) == 0;
}
