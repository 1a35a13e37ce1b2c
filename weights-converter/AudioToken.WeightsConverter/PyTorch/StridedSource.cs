using AudioToken.Tensors;
using AudioToken.Weights;
using Microsoft.Win32.SafeHandles;

namespace AudioToken.WeightsConverter.PyTorch;

/// <summary>A tensor read from its storage through offset and strides, in row-major order whatever order the storage has.</summary>
internal sealed class StridedSource : StoredWeightSource
{
    private const int DirectRunBytes = 1024; // shorter runs go through blocks

    private readonly SafeFileHandle _handle;
    private readonly string _file;
    private readonly PyTorchTensor _tensor;
    private readonly long _run; // innermost elements that follow one another in the storage

    public StridedSource(SafeFileHandle handle, string file, PyTorchTensor tensor, Shape shape, DType dtype)
        : base(tensor.Name, shape, dtype)
    {
        _handle = handle;
        _file = file;
        _tensor = tensor;
        _run = InnermostRun(tensor);
    }

    public override void ReadBytes(long start, Span<byte> destination)
    {
        int size = DType.Size();
        RequireBytes(start, destination.Length);
        StorageBlocks? blocks = null;
        try
        {
            // Whole runs, but for the first and the last, which begin or end where the caller says.
            while (!destination.IsEmpty)
            {
                long element = start / size;
                long within = start % size;
                long bytes = (_run - element % _run) * size - within;
                Span<byte> part = destination[..(int)Math.Min(bytes, destination.Length)];
                long position = _tensor.Start + Offset(element) * size + within;
                if (_run * size >= DirectRunBytes || _run == _tensor.Count)
                    PositionalReader.ReadExactly(_handle, part, position, _file, WeightFileException.Quote(Name));
                else
                    (blocks ??= new StorageBlocks(_handle, _file, Name)).Read(position, part);
                destination = destination[part.Length..];
                start += part.Length;
            }
        }
        finally
        {
            blocks?.Dispose();
        }
    }

    // Elements from the storage position of index 0 to that of a flat index.
    private long Offset(long index)
    {
        long offset = 0;
        for (int axis = _tensor.Extents.Count - 1; axis >= 0; axis--)
        {
            (index, long at) = Math.DivRem(index, _tensor.Extents[axis]);
            offset += at * _tensor.Strides[axis];
        }

        return offset;
    }

    private static long InnermostRun(PyTorchTensor tensor)
    {
        long run = 1;
        for (int axis = tensor.Extents.Count - 1; axis >= 0; axis--)
        {
            if (tensor.Extents[axis] == 1)
                continue;
            if (tensor.Strides[axis] != run)
                break;
            run *= tensor.Extents[axis];
        }

        return run;
    }
}
