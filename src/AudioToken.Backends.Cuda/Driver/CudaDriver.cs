using System.Runtime.InteropServices;

namespace AudioToken.Backends.Cuda.Driver;

/// <summary>libcuda's C interface (cuda.h), as far as it is used: CUDA 12 and 13 have all of it.</summary>
/// <remarks>Named as in the header, so that a search finds NVIDIA's documentation. Results go through <see cref="CudaCall"/>.</remarks>
internal static unsafe partial class CudaDriver
{
    private const string Library = NativeLibraries.Driver;

    // The resolver must stand before the first call.
    static CudaDriver() => NativeLibraries.IsFound(Library);

    [LibraryImport(Library)]
    public static partial CudaResult cuInit(uint flags);

    [LibraryImport(Library)]
    public static partial CudaResult cuDriverGetVersion(out int version);

    [LibraryImport(Library)]
    public static partial CudaResult cuGetErrorName(CudaResult code, out nint text);

    [LibraryImport(Library)]
    public static partial CudaResult cuGetErrorString(CudaResult code, out nint text);

    [LibraryImport(Library)]
    public static partial CudaResult cuDeviceGetCount(out int count);

    [LibraryImport(Library)]
    public static partial CudaResult cuDeviceGet(out int device, int ordinal);

    [LibraryImport(Library)]
    public static partial CudaResult cuDeviceGetName(byte* name, int length, int device);

    [LibraryImport(Library)]
    public static partial CudaResult cuDeviceGetAttribute(out int value, DeviceAttribute attribute, int device);

    [LibraryImport(Library)]
    public static partial CudaResult cuDeviceTotalMem_v2(out nuint bytes, int device);

    [LibraryImport(Library)]
    public static partial CudaResult cuDevicePrimaryCtxRetain(out nint context, int device);

    [LibraryImport(Library)]
    public static partial CudaResult cuDevicePrimaryCtxRelease_v2(int device);

    [LibraryImport(Library)]
    public static partial CudaResult cuDevicePrimaryCtxReset_v2(int device);

    [LibraryImport(Library)]
    public static partial CudaResult cuCtxSetCurrent(nint context);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemGetInfo_v2(out nuint free, out nuint total);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemAlloc_v2(out ulong address, nuint bytes);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemFree_v2(ulong address);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemAllocAsync(out ulong address, nuint bytes, nint stream);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemFreeAsync(ulong address, nint stream);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemHostAlloc(out void* memory, nuint bytes, uint flags);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemFreeHost(void* memory);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemcpyHtoDAsync_v2(ulong to, void* from, nuint bytes, nint stream);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemcpyDtoHAsync_v2(void* to, ulong from, nuint bytes, nint stream);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemcpyDtoDAsync_v2(ulong to, ulong from, nuint bytes, nint stream);

    [LibraryImport(Library)]
    public static partial CudaResult cuStreamCreate(out nint stream, uint flags);

    [LibraryImport(Library)]
    public static partial CudaResult cuStreamDestroy_v2(nint stream);

    [LibraryImport(Library)]
    public static partial CudaResult cuStreamQuery(nint stream);

    [LibraryImport(Library)]
    public static partial CudaResult cuStreamBeginCapture_v2(nint stream, int mode);

    [LibraryImport(Library)]
    public static partial CudaResult cuStreamEndCapture(nint stream, out nint graph);

    [LibraryImport(Library)]
    public static partial CudaResult cuGraphInstantiateWithFlags(out nint executable, nint graph, ulong flags);

    [LibraryImport(Library)]
    public static partial CudaResult cuGraphLaunch(nint executable, nint stream);

    [LibraryImport(Library)]
    public static partial CudaResult cuGraphDestroy(nint graph);

    [LibraryImport(Library)]
    public static partial CudaResult cuGraphExecDestroy(nint executable);

    [LibraryImport(Library)]
    public static partial CudaResult cuEventCreate(out nint created, uint flags);

    [LibraryImport(Library)]
    public static partial CudaResult cuEventDestroy_v2(nint destroyed);

    [LibraryImport(Library)]
    public static partial CudaResult cuEventRecord(nint recorded, nint stream);

    [LibraryImport(Library)]
    public static partial CudaResult cuEventQuery(nint recorded);

    [LibraryImport(Library)]
    public static partial CudaResult cuEventElapsedTime(out float milliseconds, nint start, nint end);

    [LibraryImport(Library)]
    public static partial CudaResult cuModuleLoadData(out nint module, byte* image);

    [LibraryImport(Library)]
    public static partial CudaResult cuModuleUnload(nint module);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial CudaResult cuModuleGetFunction(out nint function, nint module, string name);

    [LibraryImport(Library)]
    public static partial CudaResult cuFuncSetAttribute(nint function, FunctionAttribute attribute, int value);

    [LibraryImport(Library)]
    public static partial CudaResult cuLaunchKernel(
        nint function, uint gridX, uint gridY, uint gridZ, uint blockX, uint blockY, uint blockZ, uint sharedBytes, nint stream, void** arguments, void** extra);

    [LibraryImport(Library)]
    public static partial CudaResult cuLaunchKernelEx(in LaunchConfig config, nint function, void** arguments, void** extra);
}

/// <summary>CUlaunchConfig.</summary>
internal unsafe struct LaunchConfig
{
    public uint GridX;
    public uint GridY;
    public uint GridZ;
    public uint BlockX;
    public uint BlockY;
    public uint BlockZ;
    public uint SharedBytes;
    public nint Stream;
    public LaunchAttribute* Attributes;
    public uint AttributeCount;
}

/// <summary>CUlaunchAttribute: here the blocks of a cluster along each axis.</summary>
[StructLayout(LayoutKind.Explicit, Size = 72)]
internal struct LaunchAttribute
{
    /// <summary>CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION.</summary>
    public const int ClusterDimension = 4;

    [FieldOffset(0)]
    public int Id;

    [FieldOffset(8)]
    public uint X;

    [FieldOffset(12)]
    public uint Y;

    [FieldOffset(16)]
    public uint Z;
}

/// <summary>CUdevice_attribute.</summary>
internal enum DeviceAttribute
{
    MultiprocessorCount = 16,
    L2CacheBytes = 38,
    ComputeCapabilityMajor = 75,
    ComputeCapabilityMinor = 76,
    MaxSharedBytesPerBlockOptIn = 97,
}

/// <summary>CUfunction_attribute.</summary>
internal enum FunctionAttribute
{
    MaxDynamicSharedBytes = 8,
}
