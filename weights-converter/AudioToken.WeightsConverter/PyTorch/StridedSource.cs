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
    private readonly List<(long Extent, long Stride)> _outer = []; // the axes outside the run, innermost first

    public StridedSource(SafeFileHandle handle, string file, PyTorchTensor tensor, Shape shape, DType dtype)
        : base(tensor.Name, shape, dtype)
    {
        _handle = handle;
        _file = file;
        _tensor = tensor;
        _run = 1;
        for (int axis = tensor.Extents.Count - 1; axis >= 0; axis--)
        {
            (long extent, long stride) = (tensor.Extents[axis], tensor.Strides[axis]);
            if (extent == 1)
                continue;
            if (_outer.Count == 0 && stride == _run)
                _run *= extent;
            else
                _outer.Add((extent, stride));
        }
    }

    public override void ReadBytes(long start, Span<byte> destination)
    {
        RequireBytes(start, destination.Length);
        if (destination.IsEmpty)
            return;
        int size = DType.Size();
        (long index, long within) = Math.DivRem(start, _run * size);
        Span<long> indices = stackalloc long[_outer.Count];
        long offset = 0;
        for (int axis = 0; axis < indices.Length; axis++)
        {
            (index, indices[axis]) = Math.DivRem(index, _outer[axis].Extent);
            offset += indices[axis] * _outer[axis].Stride;
        }

        using StorageBlocks? blocks = _run * size < DirectRunBytes && _outer.Count > 0 ? new StorageBlocks(_handle, _file, Name) : null;
        while (true)
        {
            // Whole runs, but for the first and the last, which begin or end where the caller says.
            Span<byte> part = destination[..(int)Math.Min(_run * size - within, destination.Length)];
            long position = _tensor.Start + offset * size + within;
            if (blocks is null)
                PositionalReader.ReadTensor(_handle, part, position, _file, Name);
            else
                blocks.Read(position, part);
            destination = destination[part.Length..];
            if (destination.IsEmpty)
                return;
            within = 0;
            offset += Advance(indices);
        }
    }

    // To the next run; gives how far it lies from this one.
    private long Advance(Span<long> indices)
    {
        long moved = 0;
        for (int axis = 0; axis < indices.Length; axis++)
        {
            (long extent, long stride) = _outer[axis];
            moved += stride;
            if (++indices[axis] < extent)
                break;
            indices[axis] = 0;
            moved -= extent * stride;
        }

        return moved;
    }
}
