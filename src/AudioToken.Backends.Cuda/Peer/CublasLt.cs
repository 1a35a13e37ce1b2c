using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using AudioToken.Backends.Cuda.Driver;

namespace AudioToken.Backends.Cuda.Peer;

/// <summary>cuBLASLt's C interface (cublasLt.h), as far as it is used: the same in CUDA 12 and 13.</summary>
/// <remarks>Results go through <see cref="CublasLtCall"/>.</remarks>
internal static unsafe partial class CublasLt
{
    private const string Library = NativeLibraries.Peer;

    // The resolver must stand before the first call.
    static CublasLt() => NativeLibraries.IsFound(Library);

    [LibraryImport(Library)]
    public static partial nuint cublasLtGetVersion();

    [LibraryImport(Library)]
    public static partial nint cublasLtGetStatusName(CublasStatus status);

    [LibraryImport(Library)]
    public static partial CublasStatus cublasLtCreate(out nint library);

    [LibraryImport(Library)]
    public static partial CublasStatus cublasLtDestroy(nint library);

    [LibraryImport(Library)]
    public static partial CublasStatus cublasLtMatmulDescCreate(out nint description, CublasComputeType compute, CudaDataType scale);

    [LibraryImport(Library)]
    public static partial CublasStatus cublasLtMatmulDescDestroy(nint description);

    [LibraryImport(Library)]
    public static partial CublasStatus cublasLtMatmulDescSetAttribute(nint description, MatmulDescAttribute attribute, void* value, nuint bytes);

    [LibraryImport(Library)]
    public static partial CublasStatus cublasLtMatrixLayoutCreate(out nint layout, CudaDataType type, ulong rows, ulong columns, long stride);

    [LibraryImport(Library)]
    public static partial CublasStatus cublasLtMatrixLayoutDestroy(nint layout);

    [LibraryImport(Library)]
    public static partial CublasStatus cublasLtMatmulPreferenceCreate(out nint preference);

    [LibraryImport(Library)]
    public static partial CublasStatus cublasLtMatmulPreferenceDestroy(nint preference);

    [LibraryImport(Library)]
    public static partial CublasStatus cublasLtMatmulPreferenceSetAttribute(nint preference, MatmulPreferenceAttribute attribute, void* value, nuint bytes);

    [LibraryImport(Library)]
    public static partial CublasStatus cublasLtMatmulAlgoGetHeuristic(
        nint library, nint description, nint a, nint b, nint c, nint d, nint preference, int wanted, MatmulHeuristicResult* results, out int found);

    [LibraryImport(Library)]
    public static partial CublasStatus cublasLtMatmul(
        nint library, nint description, float* alpha, ulong a, nint aLayout, ulong b, nint bLayout, float* beta, ulong c, nint cLayout, ulong d, nint dLayout,
        in MatmulAlgo algorithm, ulong workspace, nuint workspaceBytes, nint stream);
}

/// <summary>cublasStatus_t, as far as it is told apart here.</summary>
internal enum CublasStatus
{
    Success = 0,
    InvalidValue = 7,
    NotSupported = 15,
}

/// <summary>cudaDataType (library_types.h).</summary>
internal enum CudaDataType
{
    F32 = 0,
    F16 = 2,
    BF16 = 14,
}

/// <summary>cublasComputeType_t: what sums are made in.</summary>
internal enum CublasComputeType
{
    F32 = 68,
}

/// <summary>cublasOperation_t.</summary>
internal enum CublasOperation
{
    None = 0,
    Transpose = 1,
}

/// <summary>cublasLtMatmulDescAttributes_t; all of 4 bytes but the pointer.</summary>
internal enum MatmulDescAttribute
{
    TransposeA = 3,
    TransposeB = 4,
    Epilogue = 7,
    BiasPointer = 8,
}

/// <summary>cublasLtEpilogue_t; the bias goes with either of the activations, which it comes before.</summary>
[Flags]
internal enum CublasLtEpilogue
{
    Default = 1,
    Relu = 2,
    Bias = 4,
    Gelu = 32,
}

/// <summary>cublasLtMatmulPreferenceAttributes_t.</summary>
internal enum MatmulPreferenceAttribute
{
    /// <summary>8 bytes.</summary>
    MaxWorkspaceBytes = 1,

    /// <summary>4 bytes.</summary>
    ReductionSchemeMask = 3,
}

/// <summary>cublasLtReductionScheme_t: how the parts of a split sum are kept until they are added.</summary>
[Flags]
internal enum CublasLtReduction
{
    Inplace = 1,
    ComputeType = 2,
    OutputType = 4,
}

/// <summary>cublasLtMatmulAlgo_t: a choice of the library's, opaque.</summary>
[InlineArray(8)]
internal struct MatmulAlgo
{
    private ulong _first;
}

/// <summary>cublasLtMatmulHeuristicResult_t.</summary>
internal struct MatmulHeuristicResult
{
    public MatmulAlgo Algorithm;
    public nuint WorkspaceBytes;
    public CublasStatus State;
    public float Waves;
    public Reserved Others;

    [InlineArray(4)]
    public struct Reserved
    {
        private int _first;
    }
}
