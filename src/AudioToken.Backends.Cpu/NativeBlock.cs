using System.Runtime.InteropServices;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>Native memory, aligned to 64 bytes, or to a huge page where it is at least as large as one.</summary>
/// <remarks>Without a finalizer, on purpose: kernels hold bare addresses, which do not keep the object alive. Who forgets to dispose leaks.</remarks>
internal sealed unsafe partial class NativeBlock : IDisposable
{
    private const nuint Alignment = 64;
    private const nuint HugePage = 2 << 20;
    private const int AdviseHugePages = 14; // MADV_HUGEPAGE of linux/mman.h

    private readonly bool _counted;
    private void* _pointer;

    /// <summary>Takes memory from the system; its contents are undefined.</summary>
    /// <param name="bytes">Size.</param>
    /// <param name="counted">Takes none, and is only counted.</param>
    /// <exception cref="AudioTokenException">6001: the system has none left.</exception>
    public NativeBlock(long bytes, bool counted = false)
    {
        (Bytes, _counted) = (bytes, counted);
        if (counted)
            return;
        bool huge = (nuint)bytes >= HugePage;
        try
        {
            _pointer = NativeMemory.AlignedAlloc((nuint)Math.Max(bytes, 1), huge ? HugePage : Alignment);
        }
        catch (OutOfMemoryException error)
        {
            throw new AudioTokenException(
                6001, $"cpu: the system refused {bytes} bytes of memory.", "Ask for a smaller image or batch, or close other programs.", error);
        }

        // Page faults of 4 KiB each cost a third of the run time of backends that skip this. A refusal does no harm.
        if (huge && OperatingSystem.IsLinux())
            _ = Advise(_pointer, (nuint)bytes, AdviseHugePages);
    }

    /// <summary>Size.</summary>
    public long Bytes { get; }

    /// <summary>The first byte; null where it is only counted.</summary>
    /// <exception cref="ObjectDisposedException">The memory has been freed.</exception>
    public void* Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(_pointer is null && !_counted, this);
            return _pointer;
        }
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        NativeMemory.AlignedFree(_pointer);
        _pointer = null;
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);
}
