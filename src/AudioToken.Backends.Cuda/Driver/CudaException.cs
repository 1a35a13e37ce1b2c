using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda.Driver;

/// <summary>A CUDA device, its driver or its compiler cannot do what was asked.</summary>
/// <remarks>Codes 51xx (device) and 6101 (device memory). The message names the call, and the kernel and its launch where there is one.</remarks>
public sealed class CudaException : AudioTokenException
{
    /// <summary>Makes an exception.</summary>
    /// <param name="code">One of <see cref="CudaErrors"/>.</param>
    /// <param name="message">Subject, found, wanted.</param>
    /// <param name="hint">The next step.</param>
    /// <param name="result">The library's own code, zero if it gave none.</param>
    /// <param name="inner">What caused it.</param>
    public CudaException(int code, string message, string? hint = null, int result = 0, Exception? inner = null)
        : base(code, message, hint, inner) => Result = result;

    /// <summary>The library's own code (CUresult, nvrtcResult, cublasStatus_t), zero if it gave none.</summary>
    public int Result { get; }

    /// <summary>Whether the device answers nothing any more in this process: everything on it is gone. Who
    /// disposes of all that uses it and makes it anew has it again, as far as the driver gives it; else a new process helps.</summary>
    public bool IsDeviceLost => Code == CudaErrors.DeviceLost;
}
