using System.Runtime.InteropServices;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>Native memory, aligned to 64 bytes, or to a huge page where it is at least as large as one.</summary>
/// <remarks>Without a finalizer, on purpose: kernels hold bare addresses, which do not keep the object alive. Who forgets to dispose leaks.</remarks>
internal sealed unsafe partial class NativeBlock : IDisposable
{
    private const nuint Alignment = 64;
    private const nuint HugePage = 2 << 20;
    private const nuint WorthPopulating = 64 << 10;
    private const int AdviseHugePages = 14, PopulateWrite = 23; // MADV_HUGEPAGE, MADV_POPULATE_WRITE of linux/mman.h

    private readonly bool _counted;
    private readonly WeightSlab? _slab;
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
        // Smaller blocks get their pages in one call, which is as much cheaper a page as one call is than hundreds of faults.
        if (huge && OperatingSystem.IsLinux())
            _ = Advise(_pointer, (nuint)bytes, AdviseHugePages);
        else if ((nuint)bytes >= WorthPopulating && OperatingSystem.IsLinux())
            Populate((nuint)bytes);
    }

    /// <summary>A piece of a slab, which has counted it.</summary>
    public NativeBlock(void* pointer, long bytes, WeightSlab slab)
    {
        _pointer = pointer;
        (Bytes, _slab) = (bytes, slab);
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
        if (_slab is null)
            NativeMemory.AlignedFree(_pointer);
        else if (_pointer is not null)
            _slab.Release();
        _pointer = null;
    }

    private void Populate(nuint bytes)
    {
        nuint page = (nuint)Environment.SystemPageSize;
        nuint first = (nuint)_pointer / page * page, end = ((nuint)_pointer + bytes + page - 1) / page * page;
        _ = Advise((void*)first, end - first, PopulateWrite);
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);
}
