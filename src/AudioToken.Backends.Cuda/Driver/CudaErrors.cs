namespace AudioToken.Backends.Cuda.Driver;

/// <summary>Numbers of this room's errors.</summary>
public static class CudaErrors
{
    /// <summary>No architecture that kernels are built for.</summary>
    public const int Architecture = 2701;

    /// <summary>The driver's library was not found.</summary>
    public const int NoDriver = 5101;

    /// <summary>The driver is older than what is used of it.</summary>
    public const int OldDriver = 5102;

    /// <summary>There is no device, or none of that index.</summary>
    public const int NoDevice = 5103;

    /// <summary>The device is older than the kernels want.</summary>
    public const int OldDevice = 5104;

    /// <summary>NVRTC was not found, and no prebuilt kernel fits.</summary>
    public const int NoCompiler = 5105;

    /// <summary>A kernel does not compile.</summary>
    public const int Compilation = 5106;

    /// <summary>A call to the driver failed; the device goes on.</summary>
    public const int Call = 5107;

    /// <summary>The device is lost to this process.</summary>
    public const int DeviceLost = 5108;

    /// <summary>The device does not come to an end.</summary>
    public const int Hang = 5109;

    /// <summary>cuBLASLt, which a measurement asks for, was not found.</summary>
    public const int NoPeer = 5110;

    /// <summary>A call to cuBLASLt failed.</summary>
    public const int PeerCall = 5111;

    /// <summary>The device has not enough memory.</summary>
    public const int Memory = 6101;

    /// <summary>An operation has more rows, pixels or the like than its kernels count.</summary>
    public const int TooLarge = 6102;

    /// <summary>Built kernels cannot be kept in a folder.</summary>
    public const int KernelFolder = 8701;
}
