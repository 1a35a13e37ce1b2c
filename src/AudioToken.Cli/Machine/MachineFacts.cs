using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AudioToken.Cli.Machine;

/// <summary>What this process runs on.</summary>
internal static class MachineFacts
{
    public static string System => $"{RuntimeInformation.OSDescription.Trim()}, {RuntimeInformation.ProcessArchitecture}";

    public static string Runtime => RuntimeInformation.FrameworkDescription;

    /// <summary>Vector instructions that the CPU backend can use, widest first.</summary>
    public static string VectorInstructions
    {
        get
        {
            string[] found = [.. from feature in ((string Name, bool Here)[])
                [
                    ("AVX-512", Avx512F.IsSupported), ("AVX2", Avx2.IsSupported), ("FMA", Fma.IsSupported),
                    ("AdvSimd", global::System.Runtime.Intrinsics.Arm.AdvSimd.IsSupported),
                ]
                where feature.Here
                select feature.Name];
            int width = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;
            return $"{(found.Length == 0 ? "none known" : string.Join(", ", found))}; vectors of {width} bits are used";
        }
    }

    public static int Cores => Environment.ProcessorCount;

    /// <summary>Bytes that this process may use: the machine's, or its container's limit.</summary>
    public static long Memory => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
}
