using System.Globalization;
using System.Text;

namespace AudioToken.Backends.Cuda.Driver;

/// <summary>One CUDA device as the driver describes it.</summary>
/// <param name="Index">The driver's number, after CUDA_VISIBLE_DEVICES.</param>
/// <param name="Name">E.g. <c>NVIDIA GeForce RTX 4090</c>.</param>
/// <param name="Capability">Ten times major plus minor: 80 is sm_80.</param>
/// <param name="Multiprocessors">How many.</param>
/// <param name="MemoryBytes">All of its memory.</param>
/// <param name="SharedBytesPerBlock">The most shared memory that a block may ask for.</param>
/// <param name="CacheBytes">Of the second-level cache.</param>
public sealed record CudaDevice(int Index, string Name, int Capability, int Multiprocessors, long MemoryBytes, int SharedBytesPerBlock, int CacheBytes)
{
    /// <summary>The oldest architecture that the kernels are written for: mma.sync m16n8k16 and cp.async.</summary>
    public const int MinimumCapability = 80;

    /// <summary>The oldest driver whose functions are used: CUDA 12.0.</summary>
    public const int MinimumDriver = 12000;

    /// <summary>Why no device can be used on this machine, or null.</summary>
    /// <remarks>Never throws for a machine without CUDA: <c>auto</c> and <c>doctor</c> ask here.</remarks>
    public static CudaException? WhyNone()
    {
        try
        {
            Start();
            return null;
        }
        catch (CudaException exception)
        {
            return exception;
        }
    }

    /// <summary>The driver's version, e.g. 12040 for CUDA 12.4.</summary>
    /// <exception cref="CudaException">5101: there is no driver.</exception>
    public static int DriverVersion()
    {
        RequireDriver();
        CudaCall.Check(CudaDriver.cuDriverGetVersion(out int version));
        return version;
    }

    /// <summary>All devices that the driver shows, in its order.</summary>
    /// <exception cref="CudaException">5101: no driver; 5102: a driver that is too old; 5103: no device.</exception>
    public static IReadOnlyList<CudaDevice> All()
    {
        int count = Start();
        return [.. Enumerable.Range(0, count).Select(Describe)];
    }

    /// <summary>One device, which is new enough to compute.</summary>
    /// <exception cref="CudaException">As <see cref="All"/>; 5103: no such index; 5104: the device is too old.</exception>
    public static CudaDevice Get(int index)
    {
        int count = Start();
        if (index < 0 || index >= count)
        {
            throw new CudaException(CudaErrors.NoDevice, string.Create(CultureInfo.InvariantCulture, $"CUDA device {index} does not exist; there {(count == 1 ? "is 1 device" : $"are {count} devices")}, counted from 0{Visibility()}"), "audiotoken doctor lists them");
        }

        CudaDevice device = Describe(index);
        return device.Capability >= MinimumCapability
            ? device
            : throw new CudaException(CudaErrors.OldDevice, $"CUDA device {index} ({device.Name}) is sm_{device.Capability}; the kernels want sm_{MinimumCapability} or newer", "--device cpu");
    }

    /// <summary>Whether blocks of a cluster run together and read each other's shared memory: sm_90 and newer.</summary>
    public bool HasClusters => Capability >= 90;

    /// <summary>The architecture whose machine code is made for it: with the suffix that unlocks what only it has, where there is one.</summary>
    public string Architecture => ArchitectureOf(Capability);

    /// <summary>Whether kernels for it may multiply by wgmma; among architectures sm_90a alone has it.</summary>
    public bool HasWarpgroupProducts => Capability == 90;

    internal static string ArchitectureOf(int capability) => $"sm_{capability}{(capability >= 90 ? "a" : "")}";

    private static void RequireDriver()
    {
        if (!NativeLibraries.IsFound(NativeLibraries.Driver))
        {
            throw new CudaException(CudaErrors.NoDriver, $"the NVIDIA driver's library was not found (tried {string.Join(", ", NativeLibraries.Candidates(NativeLibraries.Driver))})", $"install an NVIDIA driver for CUDA {MinimumDriver / 1000} or newer; in a container, start it with --gpus all");
        }
    }

    // Starts the driver and counts its devices.
    private static int Start()
    {
        int version = DriverVersion();
        if (version < MinimumDriver)
        {
            throw new CudaException(CudaErrors.OldDriver, $"the NVIDIA driver supports CUDA {Version(version)}; CUDA {Version(MinimumDriver)} or newer is wanted", "install a newer NVIDIA driver (525 or newer)");
        }

        CudaResult started = CudaDriver.cuInit(0);
        if (started == CudaResult.NoDevice)
            throw NoDevice();
        if (started != CudaResult.Success)
            throw new CudaException(CudaErrors.Call, CudaCall.Failure(started, null, nameof(CudaDriver.cuInit)).Message, "nvidia-smi shows whether the driver works; --device cpu computes without it", (int)started);
        CudaCall.Check(CudaDriver.cuDeviceGetCount(out int count));
        return count > 0 ? count : throw NoDevice();
    }

    private static CudaException NoDevice() =>
        new(CudaErrors.NoDevice, $"the NVIDIA driver shows no device{Visibility()}", "--device cpu, or make a device visible");

    private static string Visibility() =>
        Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES") is { } visible ? $" (CUDA_VISIBLE_DEVICES is '{visible}')" : "";

    /// <summary>A version of CUDA in words, e.g. 12.4.</summary>
    internal static string Version(int version) => string.Create(CultureInfo.InvariantCulture, $"{version / 1000}.{version % 1000 / 10}");

    private static unsafe CudaDevice Describe(int index)
    {
        CudaCall.Check(CudaDriver.cuDeviceGet(out int device, index));
        byte* name = stackalloc byte[256];
        CudaCall.Check(CudaDriver.cuDeviceGetName(name, 256, device));
        ReadOnlySpan<byte> text = new(name, 256);
        CudaCall.Check(CudaDriver.cuDeviceTotalMem_v2(out nuint bytes, device));
        return new CudaDevice(
            index,
            Encoding.UTF8.GetString(text[..text.IndexOf((byte)0)]),
            10 * Attribute(DeviceAttribute.ComputeCapabilityMajor, device) + Attribute(DeviceAttribute.ComputeCapabilityMinor, device),
            Attribute(DeviceAttribute.MultiprocessorCount, device),
            (long)bytes,
            Attribute(DeviceAttribute.MaxSharedBytesPerBlockOptIn, device),
            Attribute(DeviceAttribute.L2CacheBytes, device));
    }

    private static int Attribute(DeviceAttribute attribute, int device)
    {
        CudaCall.Check(CudaDriver.cuDeviceGetAttribute(out int value, attribute, device));
        return value;
    }
}
