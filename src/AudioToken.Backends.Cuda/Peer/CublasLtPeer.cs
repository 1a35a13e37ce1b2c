using System.Globalization;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Backends.Cuda.Memory;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda.Peer;

/// <summary>NVIDIA's cuBLASLt on the memory and in the stream of <see cref="CudaOps"/>, for measurements beside its own products. No picture is drawn with it.</summary>
/// <remarks>The library is loaded when the first of these is made. Dispose of it before the operations.</remarks>
public sealed class CublasLtPeer : IDisposable
{
    /// <summary>The most that the library's GELU, which has a hyperbolic tangent in it, differs from <see cref="Activation.Gelu"/> for any x.</summary>
    public const double GeluError = 4.8e-4;

    /// <summary>Memory that the library may use for the parts of split sums.</summary>
    internal const int WorkspaceBytes = 32 << 20;

    private readonly CudaOps _ops;
    private readonly CudaContext _context;
    private readonly DeviceMemory _memory;
    private readonly CublasLtLibrary _library;
    private readonly DeviceBlock _workspace;
    private readonly Dictionary<CublasLtForm, CublasLtProduct> _products = [];

    internal CublasLtPeer(CudaOps ops, CudaContext context)
    {
        if (!NativeLibraries.IsFound(NativeLibraries.Peer))
        {
            throw new CudaException(
                CudaErrors.NoPeer,
                $"cuBLASLt was not found (tried {string.Join(", ", NativeLibraries.Candidates(NativeLibraries.Peer))})",
                $"install cuBLAS of CUDA 12 or 13 (package libcublas), or name its file in {NativeLibraries.PeerVariable}");
        }

        (_ops, _context, _memory) = (ops, context, new DeviceMemory(context));
        _library = new CublasLtLibrary(context);
        try
        {
            _workspace = _memory.Take(WorkspaceBytes);
        }
        catch
        {
            _library.Dispose();
            throw;
        }
    }

    /// <summary>The library's version, e.g. 12.4.5.</summary>
    public static string Version
    {
        get
        {
            int version = (int)CublasLt.cublasLtGetVersion();
            return string.Create(CultureInfo.InvariantCulture, $"{version / 10000}.{version / 100 % 100}.{version % 100}");
        }
    }

    /// <summary>As much of an epilogue as the library has: bias, ReLU or GELU (<see cref="GeluError"/>), and where there is no activation before it, a residual.</summary>
    public static Epilogue PartOf(in Epilogue epilogue) => new(epilogue.Bias)
    {
        Activation = epilogue.Activation is Activation.Relu or Activation.Gelu ? epilogue.Activation : Activation.None,
        Residual = epilogue.Activation == Activation.None ? epilogue.Residual : default,
    };

    /// <summary>Makes a product ready: the ways in which the library may compute it, its favourite first, of which each call gives the result of one more run.</summary>
    /// <param name="x">Of the storage type, its innermost extent the depth.</param>
    /// <param name="weight">Of the same operations, role Linear or Conv2d with a window of one pixel.</param>
    /// <param name="part">What <see cref="PartOf"/> gave.</param>
    /// <returns>At least one. They last as long as the innermost open scope, which has a copy of the bias in the storage type: the library takes no other.</returns>
    /// <exception cref="CudaException">5111: the library has no way, or fails.</exception>
    public IReadOnlyList<Func<Tensor>> Prepare(Tensor x, Weight weight, in Epilogue part)
    {
        (CublasLtForm form, CublasLtOperands operands, Shape shape) = _ops.Resolve(x, weight, part);
        if (!_products.TryGetValue(form, out CublasLtProduct? product))
        {
            product = new CublasLtProduct(_context, _library, form, operands.Bias, _workspace.Pointer.Address);
            _products.Add(form, product);
        }

        return [.. Enumerable.Range(0, product.Ways).Select(way => (Func<Tensor>)(() => _ops.Fill(shape, result => product.Run(way, operands, result))))];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (CublasLtProduct product in _products.Values)
            product.Dispose();
        _library.Dispose();
        _memory.Dispose();
    }
}
