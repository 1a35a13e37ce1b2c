using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AudioToken.Backends.Cuda.Driver;

/// <summary>Turns the driver's result codes into exceptions.</summary>
internal static class CudaCall
{
    /// <summary>Throws unless the call succeeded.</summary>
    /// <param name="result">What the driver gave.</param>
    /// <param name="launch">The kernel and its launch, where the call has one, or what was done last where the error may be of earlier work.</param>
    /// <param name="call">The call as it stands in the source.</param>
    /// <exception cref="CudaException">With the call's name, the driver's name and text of the error, and <paramref name="launch"/>.</exception>
    public static void Check(CudaResult result, string? launch = null, [CallerArgumentExpression(nameof(result))] string call = "")
    {
        if (result != CudaResult.Success)
            throw Failure(result, launch, call);
    }

    /// <summary>Whether a context answers nothing else after this error.</summary>
    public static bool LosesDevice(CudaResult result) => result is CudaResult.EccUncorrectable or CudaResult.Contained
        or CudaResult.IllegalAddress or CudaResult.LaunchTimeout or CudaResult.ContextIsDestroyed or CudaResult.Assert or (>= (CudaResult)714 and <= CudaResult.LaunchFailed)
        or CudaResult.TensorMemoryLeak or CudaResult.Unknown;

    /// <summary>Whether the driver finds no use for machine code, or PTX, that it was given.</summary>
    public static bool RefusesCode(int result) =>
        (CudaResult)result is CudaResult.InvalidImage or CudaResult.NoBinaryForGpu or CudaResult.InvalidPtx or CudaResult.UnsupportedPtxVersion;

    /// <summary>The exception for a failed call.</summary>
    public static CudaException Failure(CudaResult result, string? launch, string call)
    {
        string name = call.Split('(')[0].Split('.')[^1];
        string message = string.Create(CultureInfo.InvariantCulture, $"{name} failed with {Name(result)} ({(int)result}): {Text(result)}");
        if (launch is not null)
            message += $"; {launch}";
        return LosesDevice(result)
            ? new CudaException(CudaErrors.DeviceLost, message, "the device is lost to this process: start it again; if it happens again, run with AUDIOTOKEN_CUDA_SYNC=1, which names the kernel, and report it", (int)result)
            : result == CudaResult.OutOfMemory
                ? new CudaException(CudaErrors.Memory, message, "draw a smaller picture or fewer at once, or free the device's memory (nvidia-smi shows who holds it)", (int)result)
                : new CudaException(CudaErrors.Call, message, null, (int)result);
    }

    private static string Name(CudaResult result) =>
        CudaDriver.cuGetErrorName(result, out nint text) == CudaResult.Success ? Marshal.PtrToStringUTF8(text) ?? "?" : "an unknown error";

    private static string Text(CudaResult result) =>
        CudaDriver.cuGetErrorString(result, out nint text) == CudaResult.Success ? Marshal.PtrToStringUTF8(text) ?? "?" : "no description";
}
