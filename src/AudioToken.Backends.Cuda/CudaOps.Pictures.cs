using System.Runtime.InteropServices;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

public sealed unsafe partial class CudaOps
{
    /// <inheritdoc/>
    /// <remarks>Rounded on the device: a byte a value is copied, a quarter of what a download copies.</remarks>
    public int ReadPixels(Tensor x, Span<byte> pixels)
    {
        const int Block = 256, Each = Block * 16; // as in rgb8.cu
        ResultShape.RequirePixels(x, pixels.Length);
        RefuseInStep(nameof(ReadPixels));
        using TensorScope scope = Scope();
        ulong source = Own(x, nameof(ReadPixels), nameof(x));
        int blocks = Blocks(Counted(pixels.Length, "values"), Each);
        Tensor bytes = Allocate([Blocks(pixels.Length, sizeof(int))], DType.I32), faults = Allocate([blocks], DType.I32);
        KernelArguments arguments = default;
        arguments.Add(AddressOf(bytes)).Add(AddressOf(faults)).Add(source).Add(pixels.Length);
        Launch(Kernel("rgb8", x.DType), new Grid(blocks), Block, 0, ref arguments);
        if (_idle || pixels.IsEmpty)
        {
            pixels.Clear();
            return -1;
        }

        // Of each block one more than the index of its first, or 0.
        int[] found = new int[blocks];
        _staging.Download(new DevicePointer(AddressOf(bytes)), pixels);
        _staging.Download(new DevicePointer(AddressOf(faults)), MemoryMarshal.AsBytes(found.AsSpan()));
        return Array.Find(found, one => one != 0) - 1;
    }
}
