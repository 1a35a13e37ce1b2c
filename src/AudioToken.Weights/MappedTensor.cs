using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace AudioToken.Weights;

/// <summary>The bytes of one tensor where they lie in a memory-mapped file: no copy, and no memory but the page cache's.</summary>
/// <remarks>
/// Every access to <see cref="Bytes"/> first compares the file's present length with what the tensor needs. That narrows the risk of a
/// map without removing it: if another process truncates the file <em>while</em> the span is being read, the operating system ends this
/// process (SIGBUS). Loading a model therefore does not use maps; see <see cref="SafetensorsFile"/>.
/// A span must not be used after <see cref="Dispose"/>.
/// </remarks>
public sealed unsafe class MappedTensor : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly string _description;
    private readonly long _end;
    private readonly MemoryMappedFile? _map;
    private readonly MemoryMappedViewAccessor? _view;
    private byte* _pointer;
    private bool _disposed;

    internal MappedTensor(SafeFileHandle file, string description, StoredTensor tensor, long position)
    {
        _file = file;
        _description = description;
        Tensor = tensor;
        _end = position + tensor.ByteCount;
        if (tensor.ByteCount == 0)
            return; // there is no such thing as an empty map
        RequireLength();
        try
        {
            _map = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            _view = _map.CreateViewAccessor(position, tensor.ByteCount, MemoryMappedFileAccess.Read);
        }
        catch (Exception exception) when (FileErrors.IsFileError(exception) || exception is ArgumentException)
        {
            _map?.Dispose();
            throw FileErrors.CannotRead(description, exception);
        }

        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _pointer);
        _pointer += _view.PointerOffset; // views begin at page boundaries
    }

    /// <summary>Name, type and shape.</summary>
    public StoredTensor Tensor { get; }

    /// <summary>The whole tensor, row-major, little-endian.</summary>
    /// <exception cref="WeightFileException">The file is shorter than it was.</exception>
    /// <exception cref="OverflowException">The tensor has 2 GiB or more: use <see cref="Slice"/>.</exception>
    public ReadOnlySpan<byte> Bytes => Slice(0, checked((int)Tensor.ByteCount));

    /// <summary>A part of the tensor.</summary>
    /// <param name="start">First byte, from the tensor's start.</param>
    /// <param name="length">Bytes.</param>
    /// <exception cref="WeightFileException">The file is shorter than it was.</exception>
    public ReadOnlySpan<byte> Slice(long start, int length)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, Tensor.ByteCount - length);
        RequireLength();
        return new ReadOnlySpan<byte>(_pointer + start, length);
    }

    /// <summary>Takes the map back; spans from it are dead.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        if (_pointer != null)
            _view!.SafeMemoryMappedViewHandle.ReleasePointer();
        _pointer = null;
        _view?.Dispose();
        _map?.Dispose();
    }

    private void RequireLength()
    {
        long length = RandomAccess.GetLength(_file);
        if (length < _end)
            throw PositionalReader.Shrank(_description, WeightFileException.Quote(Tensor.Name), _end, length);
    }
}
