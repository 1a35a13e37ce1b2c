namespace AudioToken.Backends.Cuda.Driver;

/// <summary>A kernel of a loaded module, ready to be launched. It lives as long as the module.</summary>
internal sealed unsafe class CudaKernel
{
    private const uint SharedBytesWithoutAsking = 44 << 10; // 48 KB, less what a kernel has of static shared memory beside its dynamic one

    private readonly CudaContext _context;
    private readonly int[]? _parameterBytes;
    private uint _allowed = SharedBytesWithoutAsking;

    public CudaKernel(CudaContext context, CudaModule module, string name)
    {
        _context = context;
        Name = name;
        Function = module.Function(name);
        _parameterBytes = ParameterBytes(Function);
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

    /// <summary>Holds arguments to the kernel's parameters, where the driver tells them (CUDA 12.4 and newer).</summary>
    public void CheckArguments(in KernelArguments arguments)
    {
        if (_parameterBytes is null)
            return;
        if (arguments.Count != _parameterBytes.Length)
            throw new ArgumentException($"kernel {Name} has {_parameterBytes.Length} parameters, not {arguments.Count}");
        for (int i = 0; i < _parameterBytes.Length; i++)
        {
            if (arguments.Size(i) != _parameterBytes[i])
                throw new ArgumentException($"parameter {i} of kernel {Name} has {_parameterBytes[i]} bytes, the argument {arguments.Size(i)}");
        }
    }

    private static int[]? ParameterBytes(nint function)
    {
        nint address = NativeLibraries.Function(NativeLibraries.Driver, "cuFuncGetParamInfo");
        if (address == 0)
            return null;
        var parameter = (delegate* unmanaged<nint, nuint, nuint*, nuint*, CudaResult>)address;
        List<int> sizes = [];
        nuint offset, bytes;
        while (parameter(function, (nuint)sizes.Count, &offset, &bytes) == CudaResult.Success)
            sizes.Add((int)bytes);
        return [.. sizes];
    }
}
