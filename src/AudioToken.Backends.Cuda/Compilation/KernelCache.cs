using System.Buffers.Binary;
using System.Security.Cryptography;

namespace AudioToken.Backends.Cuda.Compilation;

/// <summary>Machine code in files, under keys that tell apart whatever would compile to something else (<see cref="KernelSource.Key"/>).</summary>
/// <remarks>Any number of processes may read and write at once: a file is written beside its place and moved there whole. A file that
/// does not hold what it says is dropped. Nothing is loaded from a folder or a file that others can write. Where nothing can be kept, that is
/// said once, and what is there is used all the same.</remarks>
internal sealed class KernelCache
{
    private const int HeaderBytes = 8 + 8 + 32; // magic, length, SHA-256 of what follows
    private static readonly TimeSpan s_abandoned = TimeSpan.FromHours(1);

    private readonly Action<string> _note;
    private readonly string? _folder;
    private int _failures;

    /// <summary>Opens or makes a folder.</summary>
    /// <param name="folder">Null for none: everything is compiled anew.</param>
    /// <param name="note">Hears why the cache is not used, or what was dropped.</param>
    public KernelCache(string? folder, Action<string> note)
    {
        _note = note;
        if (folder is null)
            return;
        try
        {
            if (OperatingSystem.IsWindows())
                Directory.CreateDirectory(folder);
            else
                Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            if (TrustedPath.WhyNot(folder) is { } reason)
                note($"kernels are not cached: {reason}");
            else
                _folder = folder;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            note($"kernels are not cached: {exception.Message}");
        }
    }

    private static ReadOnlySpan<byte> Magic => "ATKKERN1"u8;

    /// <summary>The user's own folder for kernels: AUDIOTOKEN_KERNEL_CACHE, or one in the system's place for caches.</summary>
    public static string? DefaultFolder()
    {
        if (Environment.GetEnvironmentVariable("AUDIOTOKEN_KERNEL_CACHE") is { Length: > 0 } named)
            return named;
        string? root = OperatingSystem.IsWindows()
            ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache ? cache
            : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) is { Length: > 0 } home ? Path.Combine(home, ".cache") : null;
        return string.IsNullOrEmpty(root) ? null : Path.Combine(root, "audiotoken", "kernels");
    }

    /// <summary>What is kept under a key, or null.</summary>
    public byte[]? Find(string key)
    {
        if (_folder is null)
            return null;
        string path = PathOf(key);
        try
        {
            if (!File.Exists(path))
                return null;
            if (TrustedPath.WhyNot(path) is { } reason)
            {
                _note($"kernel cache: a kernel is not loaded: {reason}");
                return null;
            }

            byte[] file = File.ReadAllBytes(path);
            if (Payload(file) is { } payload)
                return payload;
            _note($"kernel cache: {Path.GetFileName(path)} is damaged and is made anew");
            File.Delete(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            _note($"kernel cache: {Path.GetFileName(path)} cannot be read: {exception.Message}");
        }

        return null;
    }

    /// <summary>Keeps machine code. The first failure is noted and no more: the code is at hand.</summary>
    public void Keep(string key, ReadOnlySpan<byte> image)
    {
        if (_folder is null)
            return;
        string temporary = Path.Combine(_folder, $"{key}.{Path.GetRandomFileName()}.tmp");
        try
        {
            Sweep();
            using (FileStream file = new(temporary, NewFile()))
            {
                file.Write(Header(image));
                file.Write(image);
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, PathOf(key), overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A full disk is full for every kernel.
            if (Interlocked.Increment(ref _failures) == 1)
                _note($"kernel cache: kernels cannot be kept and will be compiled again: {exception.Message}");
            TryDelete(temporary);
        }
    }

    private static byte[] Header(ReadOnlySpan<byte> image)
    {
        byte[] header = new byte[HeaderBytes];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(8), image.Length);
        SHA256.HashData(image, header.AsSpan(16));
        return header;
    }

    // Whatever the user's mask: nobody else may write it.
    private static FileStreamOptions NewFile()
    {
        FileStreamOptions options = new() { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
        return options;
    }

    private static byte[]? Payload(byte[] file)
    {
        if (file.Length < HeaderBytes || !Header(file.AsSpan(HeaderBytes)).AsSpan().SequenceEqual(file.AsSpan(0, HeaderBytes)))
            return null;
        return file[HeaderBytes..];
    }

    // What a process that was killed has left.
    private void Sweep()
    {
        foreach (string file in Directory.EnumerateFiles(_folder!, "*.tmp"))
        {
            if (DateTime.UtcNow - File.GetLastWriteTimeUtc(file) > s_abandoned)
                TryDelete(file);
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Another process was faster, or the next one will.
        }
    }

    private string PathOf(string key) => Path.Combine(_folder!, key + ".kernel");
}
