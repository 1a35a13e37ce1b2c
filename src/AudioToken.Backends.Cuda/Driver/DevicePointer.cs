namespace AudioToken.Backends.Cuda.Driver;

/// <summary>An address in device memory; <c>default</c> is null.</summary>
internal readonly record struct DevicePointer(ulong Address)
{
    /// <summary>The address some bytes on.</summary>
    public static DevicePointer operator +(DevicePointer pointer, long bytes) => new(checked(pointer.Address + (ulong)bytes));
}
