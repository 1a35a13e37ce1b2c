using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text;

namespace AudioToken.Backends.Cuda.Compilation;

/// <summary>Whether machine code may be loaded from a folder: only if nobody else could have put it there.</summary>
internal static unsafe partial class TrustedFolder
{
    private const int CurrentFolder = -100; // AT_FDCWD
    private const uint BasicStatistics = 0x7ff;
    private const int Sticky = 0x200, GroupWrite = 0x10, OthersWrite = 0x2;

    /// <summary>Why not, or null if it may.</summary>
    /// <remarks>On Linux: the folder belongs to this user (or root) and is writable by nobody else, and nobody else can put another in its
    /// place. On Windows a user's own folders are taken as they are.</remarks>
    public static string? WhyNot(string folder)
    {
        if (!OperatingSystem.IsLinux())
            return null;
        for (string? at = Path.GetFullPath(folder); at is not null; at = Path.GetDirectoryName(at))
        {
            if (!TryStatistics(at, out uint owner, out int mode))
                return $"{at} cannot be looked at";
            if (owner != 0 && owner != Effective())
                return $"{at} belongs to another user";
            bool shared = (mode & (GroupWrite | OthersWrite)) != 0;
            // In a sticky folder such as /tmp, nobody moves what belongs to another.
            if (shared && (at == Path.GetFullPath(folder) || (mode & Sticky) == 0))
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

    [LibraryImport("libc")]
    private static partial int statx(int folder, byte* path, int flags, uint mask, byte* buffer);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint Effective();
}
