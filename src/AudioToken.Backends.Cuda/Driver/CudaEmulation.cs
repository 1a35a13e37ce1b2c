namespace AudioToken.Backends.Cuda.Driver;

/// <summary>Whether the driver is the emulated device of <c>kernels/emulator</c>, whose times mean nothing.</summary>
public static unsafe class CudaEmulation
{
    /// <summary>True if it is.</summary>
    public static bool IsHere => Setter != 0;

    private static nint Setter => NativeLibraries.Function(NativeLibraries.Driver, "atkEmuSet");

    /// <summary>Whether it runs kernels, or only counts them. Without effect on a device that is none of its kind.</summary>
    public static void Execute(bool run)
    {
        var set = (delegate* unmanaged<byte*, long, int>)Setter;
        if (set is null)
            return;
        fixed (byte* name = "execute\0"u8)
            _ = set(name, run ? 1 : 0);
    }
}
