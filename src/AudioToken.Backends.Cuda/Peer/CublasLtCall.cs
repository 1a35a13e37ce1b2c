using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using AudioToken.Backends.Cuda.Driver;

namespace AudioToken.Backends.Cuda.Peer;

/// <summary>Turns cuBLASLt's status codes into exceptions.</summary>
internal static class CublasLtCall
{
    /// <summary>Throws unless the call succeeded.</summary>
    /// <param name="status">What the library gave.</param>
    /// <param name="product">The product that the call is about, where there is one.</param>
    /// <param name="call">The call as it stands in the source.</param>
    /// <exception cref="CudaException">5111, with the call's name, the library's name of the status, and <paramref name="product"/>.</exception>
    public static void Check(CublasStatus status, string? product = null, [CallerArgumentExpression(nameof(status))] string call = "")
    {
        if (status == CublasStatus.Success)
            return;
        string name = call.Split('(')[0].Split('.')[^1], about = product is null ? "" : $"; {product}";
        throw new CudaException(
            CudaErrors.PeerCall,
            string.Create(CultureInfo.InvariantCulture, $"{name} failed with {Name(status)} ({(int)status}){about}"),
            $"measure without --peer, or with another version of cuBLASLt ({NativeLibraries.PeerVariable} names its file); CUBLASLT_LOG_LEVEL=5 lets it tell more",
            (int)status);
    }

    private static string Name(CublasStatus status) => Marshal.PtrToStringUTF8(CublasLt.cublasLtGetStatusName(status)) ?? "an unknown status";
}
