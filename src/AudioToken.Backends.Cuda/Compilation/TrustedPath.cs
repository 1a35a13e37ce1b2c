using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text;

namespace AudioToken.Backends.Cuda.Compilation;

/// <summary>Whether machine code may be loaded from a folder or file: only if nobody else could have put it there.</summary>
internal static unsafe partial class TrustedPath
{
    private const int CurrentFolder = -100; // AT_FDCWD
    private const uint BasicStatistics = 0x7ff;
    private const int Sticky = 0x200, GroupWrite = 0x10, OthersWrite = 0x2;

    /// <summary>Why not, or null if it may.</summary>
    /// <remarks>On Linux: it belongs to this user (or root) and is writable by nobody else, and nobody else can put another in its
    /// place; where a symbolic link leads there, of link and target. On Windows a user's own folders are taken as they are.</remarks>
    /// <param name="path">A folder or file that is there.</param>
    public static string? WhyNot(string path)
    {
        if (!OperatingSystem.IsLinux())
            return null;
        string given = Path.GetFullPath(path);
        string? led = Resolved(given);
        return led is null ? $"{given} cannot be looked at" : WhyNotAlong(given) ?? (led == given ? null : WhyNotAlong(led));
    }

    [SupportedOSPlatform("linux")]
    private static string? WhyNotAlong(string path)
    {
        for (string? at = path; at is not null; at = Path.GetDirectoryName(at))
        {
            if (!TryStatistics(at, out uint owner, out int mode))
                return $"{at} cannot be looked at";
            if (owner != 0 && owner != Effective())
                return $"{at} belongs to another user";
            bool shared = (mode & (GroupWrite | OthersWrite)) != 0;
            // In a sticky folder such as /tmp, nobody moves what belongs to another.
            if (shared && (at == path || (mode & Sticky) == 0))
                return $"{at} is writable by others";
        }

        return null;
    }

    [SupportedOSPlatform("linux")]
    private static bool TryStatistics(string path, out uint owner, out int mode)
    {
        byte* buffer = stackalloc byte[256]; // struct statx, the same on every architecture
        byte[] name = Encoding.UTF8.GetBytes(path + '\0');
        fixed (byte* text = name)
        {
            bool found = statx(CurrentFolder, text, 0, BasicStatistics, buffer) == 0;
            owner = found ? *(uint*)(buffer + 20) : 0;
            mode = found ? *(ushort*)(buffer + 28) : 0;
            return found;
        }
    }

    // Without symbolic links.
    private static string? Resolved(string path)
    {
        byte[] name = Encoding.UTF8.GetBytes(path + '\0');
        fixed (byte* text = name)
        {
            byte* found = realpath(text, null);
            string? resolved = Marshal.PtrToStringUTF8((nint)found);
            NativeMemory.Free(found);
            return resolved;
        }
    }

    [LibraryImport("libc")]
    private static partial int statx(int folder, byte* path, int flags, uint mask, byte* buffer);

    [LibraryImport("libc")]
    private static partial byte* realpath(byte* path, byte* resolved);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint Effective();
}
