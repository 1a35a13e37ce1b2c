namespace AudioToken.Backends.Cuda.Driver;

/// <summary>A kernel of a loaded module, ready to be launched. It lives as long as the module.</summary>
internal sealed unsafe class CudaKernel
{
    private const uint SharedBytesWithoutAsking = 44 << 10; // 48 KB, less what a kernel has of static shared memory beside its dynamic one

    private readonly CudaContext _context;
    private int[]? _parameterBytes;
    private bool _areKnown;
    private uint _allowed = SharedBytesWithoutAsking;

    public CudaKernel(CudaContext context, CudaModule module, string name)
    {
        _context = context;
        Name = name;
        Function = module.Function(name);
    }

    /// <summary>As the kernel file exports it.</summary>
    public string Name { get; }

    /// <summary>The driver's own value.</summary>
    public nint Function { get; }

    /// <summary>Asks for more dynamic shared memory than kernels have by themselves.</summary>
    public void AllowShared(uint bytes)
    {
        if (bytes <= _allowed)
            return;
        CudaCall.Check(
            CudaDriver.cuFuncSetAttribute(Function, FunctionAttribute.MaxDynamicSharedBytes, checked((int)bytes)),
            $"kernel {Name} wants {bytes} bytes of shared memory; {_context.Device.Name} gives {_context.Device.SharedBytesPerBlock}");
        _allowed = bytes;
    }

    /// <summary>Holds arguments to the kernel's parameters, where the driver tells them: their sizes (CUDA 12.4 and newer) and how many there are (newer ones).</summary>
    /// <remarks>Asked at the first launch, and of as many parameters as there are arguments, since a question that the driver refuses is an error to the tools
    /// that watch it. Where it does not tell how many there are, too few arguments go unseen; the emulated device tells.</remarks>
    /// <exception cref="ArgumentException">Count or size of the arguments is not the kernel's.</exception>
    public void CheckArguments(in KernelArguments arguments)
    {
        if (_areKnown)
        {
            if (_parameterBytes is not null && arguments.Count != _parameterBytes.Length)
                throw WrongCount(_parameterBytes.Length, arguments.Count);
        }
        else
        {
            _parameterBytes = ParameterBytes(arguments.Count);
            _areKnown = true;
        }

        for (int i = 0; i < _parameterBytes?.Length; i++)
        {
            if (arguments.Size(i) != _parameterBytes[i])
                throw new ArgumentException($"parameter {i} of kernel {Name} has {_parameterBytes[i]} bytes, the argument {arguments.Size(i)}");
        }
    }

    // Null where the driver does not tell, or fails: the launch will say how.
    private int[]? ParameterBytes(int arguments)
    {
        nint count = NativeLibraries.Function(NativeLibraries.Driver, "cuFuncGetParamCount"), info = NativeLibraries.Function(NativeLibraries.Driver, "cuFuncGetParamInfo");
        nuint parameters, offset, bytes;
        if (count != 0 && ((delegate* unmanaged<nint, nuint*, CudaResult>)count)(Function, &parameters) == CudaResult.Success && (int)parameters != arguments)
            throw WrongCount((int)parameters, arguments);
        if (info == 0)
            return null;
        int[] sizes = new int[arguments];
        for (int i = 0; i < sizes.Length; i++)
        {
            CudaResult result = ((delegate* unmanaged<nint, nuint, nuint*, nuint*, CudaResult>)info)(Function, (nuint)i, &offset, &bytes);
            if (result == CudaResult.InvalidValue)
                throw WrongCount(i, arguments);
            if (result != CudaResult.Success)
                return null;
            sizes[i] = (int)bytes;
        }

        return sizes;
    }

    private ArgumentException WrongCount(int parameters, int arguments) => new($"kernel {Name} has {parameters} parameters, not {arguments}");
}
