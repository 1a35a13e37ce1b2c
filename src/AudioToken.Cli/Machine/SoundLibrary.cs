using System.Runtime.InteropServices;

namespace AudioToken.Cli.Machine;

/// <summary>libsndfile, as it is installed.</summary>
internal static partial class SoundLibrary
{
    private const string Name = "sndfile-probe";

    private static readonly string[] s_names = ["libsndfile.so.1", "libsndfile.so", "libsndfile.1.dylib", "libsndfile.dylib", "sndfile.dll", "libsndfile-1.dll"];

    /// <summary>Its version, e.g. <c>libsndfile-1.2.2</c>; null where it is not installed.</summary>
    /// <param name="named">A library file to look at in place of the usual names (AUDIOTOKEN_SNDFILE).</param>
    public static string? Version(string? named)
    {
        if (NativeProbe.Find(named is { Length: > 0 } ? [named] : s_names) is not { } found)
            return null;
        NativeLibrary.TryLoad(found, out nint library); // kept: the resolver below answers once for the process
        try
        {
            NativeLibrary.SetDllImportResolver(typeof(SoundLibrary).Assembly, (wanted, _, _) => wanted == Name ? library : 0);
        }
        catch (InvalidOperationException)
        {
            // Asked before in this process; that answer holds.
        }

        return Marshal.PtrToStringUTF8(VersionText()) ?? found;
    }

    [LibraryImport(Name, EntryPoint = "sf_version_string")]
    private static partial nint VersionText();
}
