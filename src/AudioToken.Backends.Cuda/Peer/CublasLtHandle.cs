using System.Runtime.InteropServices;
using AudioToken.Backends.Cuda.Driver;

namespace AudioToken.Backends.Cuda.Peer;

/// <summary>The library on one device.</summary>
internal sealed class CublasLtLibrary : CudaHandle
{
    /// <summary>Starts it on the device that is current.</summary>
    /// <exception cref="CudaException">5111: it does not start.</exception>
    public CublasLtLibrary(CudaContext context)
        : base(context)
    {
        CublasLtCall.Check(CublasLt.cublasLtCreate(out nint made));
        Own(made);
    }

    protected override CudaResult Destroy() => CublasLt.cublasLtDestroy(handle) == CublasStatus.Success ? CudaResult.Success : CudaResult.Unknown;
}

/// <summary>A description in the host's memory, destroyed once.</summary>
internal sealed class CublasLtDescription : SafeHandle
{
    private readonly Func<nint, CublasStatus> _destroy;

    private CublasLtDescription(nint made, Func<nint, CublasStatus> destroy)
        : base(0, true)
    {
        _destroy = destroy;
        SetHandle(made);
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>The library's own value.</summary>
    /// <exception cref="ObjectDisposedException">It was destroyed.</exception>
    public nint Value
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return handle;
        }
    }

    /// <summary>Of a product, with sums and factors in fp32.</summary>
    public static CublasLtDescription Product()
    {
        CublasLtCall.Check(CublasLt.cublasLtMatmulDescCreate(out nint made, CublasComputeType.F32, CudaDataType.F32));
        return new CublasLtDescription(made, CublasLt.cublasLtMatmulDescDestroy);
    }

    /// <summary>Of a column-major matrix.</summary>
    /// <param name="type">Of its elements.</param>
    /// <param name="rows">Rows, which lie side by side in memory.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="stride">Elements from column to column.</param>
    public static CublasLtDescription Matrix(CudaDataType type, int rows, int columns, int stride)
    {
        CublasLtCall.Check(CublasLt.cublasLtMatrixLayoutCreate(out nint made, type, (ulong)rows, (ulong)columns, stride));
        return new CublasLtDescription(made, CublasLt.cublasLtMatrixLayoutDestroy);
    }

    /// <summary>Of what is wished of an algorithm.</summary>
    public static CublasLtDescription Preference()
    {
        CublasLtCall.Check(CublasLt.cublasLtMatmulPreferenceCreate(out nint made));
        return new CublasLtDescription(made, CublasLt.cublasLtMatmulPreferenceDestroy);
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => _destroy(handle) == CublasStatus.Success;
}
