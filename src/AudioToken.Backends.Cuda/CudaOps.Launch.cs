using System.Runtime.CompilerServices;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

public sealed unsafe partial class CudaOps
{
    private const int WarpsOfRows = 4; // rows of a block where a warp takes a row

    /// <summary>A kernel (none where memory is only counted) of <c>operation.cu</c>: <c>operation_dtype</c> and the ending of its form.</summary>
    private CudaKernel? Kernel(string operation, DType dtype, string form = "") => Kernel(operation, operation, dtype, form);

    private CudaKernel? Kernel(string file, string operation, DType dtype, string form)
    {
        if (_counts)
            return null;
        if (!_kernels.TryGetValue((operation, form, dtype), out CudaKernel? kernel))
        {
            kernel = _library.Get(file + ".cu", operation + Suffix(dtype) + form);
            _kernels.Add((operation, form, dtype), kernel);
        }

        return kernel;
    }

    /// <summary>A kernel whose name does not end in a storage type.</summary>
    private CudaKernel? KernelNamed(string file, string ending)
    {
        if (_counts)
            return null;
        if (!_kernels.TryGetValue((file, ending, default), out CudaKernel? kernel))
        {
            kernel = _library.Get(file + ".cu", file + ending);
            _kernels.Add((file, ending, default), kernel);
        }

        return kernel;
    }

    /// <exception cref="CudaException">6102: there are more blocks than a launch has.</exception>
    private void Launch(CudaKernel? kernel, Grid grid, int block, int shared, ref KernelArguments arguments, int cluster = 1, [CallerMemberName] string operation = "")
    {
        const int MostAcross = ushort.MaxValue;
        if (grid.Y > MostAcross || grid.Z > MostAcross)
            throw TooLarge($"{operation}: a launch has at most {MostAcross} blocks along y and z, this one {grid.Y} and {grid.Z}");
        // An empty tensor wants no kernel, and a grid of nothing is an error.
        if (kernel is null || grid.X == 0 || grid.Y == 0 || grid.Z == 0)
            return;
        _context.Launch(kernel, new LaunchShape((uint)grid.X, (uint)grid.Y, (uint)grid.Z, (uint)block, (uint)shared, (uint)cluster), ref arguments);
    }

    /// <summary>Launches a kernel whose threads stride over elements.</summary>
    private void LaunchElements(CudaKernel? kernel, long count, ref KernelArguments arguments)
    {
        // 8 elements a thread is one access of half types; beyond some blocks a multiprocessor, threads may as well stride.
        const int Block = 256, MaxBlocks = 2048;
        int blocks = (int)Math.Min(MaxBlocks, (count + (Block * 8) - 1) / (Block * 8));
        Launch(kernel, new Grid(blocks), Block, 0, ref arguments);
    }

    private static int Blocks(long count, int each) => checked((int)((count + each - 1) / each));

    private static int RowsOf(Shape shape, [CallerMemberName] string operation = "") => Counted(shape.Rows, "rows", operation);

    /// <summary>What a kernel counts in an int: rows, pixels, a group's elements. Elements are reached by 64 bits from there, so a tensor may have more of them.</summary>
    /// <exception cref="CudaException">6102: there are more.</exception>
    private static int Counted(long count, string what, [CallerMemberName] string operation = "")
    {
        const long Most = int.MaxValue - ushort.MaxValue; // tiles and strides go on beyond the last one
        return count <= Most ? (int)count : throw TooLarge($"{operation}: {count} {what}, the kernels count up to {Most}");
    }

    private static CudaException TooLarge(string message) =>
        new(CudaErrors.TooLarge, message, "draw fewer pictures at once (-b) or smaller ones, or decode in strips (--tiled-vae)");
}
