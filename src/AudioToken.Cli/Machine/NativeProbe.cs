using System.Runtime.InteropServices;

namespace AudioToken.Cli.Machine;

/// <summary>Looks for native libraries without using them.</summary>
internal static class NativeProbe
{
    /// <summary>The first name that loads, or null.</summary>
    public static string? Find(params IReadOnlyList<string> names)
    {
        foreach (string name in names)
        {
            if (NativeLibrary.TryLoad(name, typeof(NativeProbe).Assembly, null, out nint handle))
            {
                NativeLibrary.Free(handle);
                return name;
            }
        }

        return null;
    }
}
