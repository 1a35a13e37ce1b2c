using System.Globalization;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda.Peer;

/// <summary>What is asked of the library: <c>y = act(x W^T + residual + bias)</c>.</summary>
/// <param name="Type">Of all operands and the result.</param>
/// <param name="Rows">Of x, [rows, depth].</param>
/// <param name="Depth">Columns of x and of W.</param>
/// <param name="Columns">Rows of W, [columns, depth].</param>
/// <param name="Stride">Elements from row to row of W.</param>
/// <param name="Bias">One value a column is added.</param>
/// <param name="Residual">A matrix of the result's form is added.</param>
/// <param name="Activation">None, Relu or Gelu.</param>
internal readonly record struct CublasLtForm(DType Type, int Rows, int Depth, int Columns, int Stride, bool Bias, bool Residual, Activation Activation)
{
    /// <summary>E.g. <c>product 8192x320 by 2560 rows of F16, bias, Gelu</c>.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"product {Rows}x{Depth} by {Columns} rows of {Type}{(Bias ? ", bias" : "")}{(Residual ? ", residual" : "")}{(Activation == Activation.None ? "" : $", {Activation}")}");
}

/// <summary>Addresses of one product's operands; zero for those that the form lacks.</summary>
internal readonly record struct CublasLtOperands(ulong X, ulong Weight, ulong Bias, ulong Residual);

/// <summary>Products of one form, and the library's choices of how to compute them, its favourite first.</summary>
/// <remarks>A row-major matrix is the transpose of the column-major one in the same memory, so what the library is asked for is
/// <c>y^T = W x^T</c>: A is W's memory [depth, columns], transposed; B is x's [depth, rows]; C and D are [columns, rows], and a bias has
/// a value for each of D's rows, which are y's columns.</remarks>
internal sealed unsafe class CublasLtProduct : IDisposable
{
    private const int MostWays = 8;

    private readonly CudaContext _context;
    private readonly CublasLtLibrary _library;
    private readonly CublasLtForm _form;
    private readonly ulong _workspace;
    private readonly List<CublasLtDescription> _descriptions = [];
    private readonly List<MatmulHeuristicResult> _ways = [];
    private readonly CublasLtDescription _product, _weight, _x, _y;

    /// <summary>Describes products and asks how they may be computed.</summary>
    /// <param name="context">Whose stream they go into.</param>
    /// <param name="library">The library on its device.</param>
    /// <param name="form">Of the products.</param>
    /// <param name="bias">The bias of one of them.</param>
    /// <param name="workspace">Memory of <see cref="CublasLtPeer.WorkspaceBytes"/>.</param>
    /// <exception cref="CudaException">5111: the library has no way, or fails.</exception>
    public CublasLtProduct(CudaContext context, CublasLtLibrary library, in CublasLtForm form, ulong bias, ulong workspace)
    {
        (_context, _library, _form, _workspace) = (context, library, form, workspace);
        try
        {
            CudaDataType type = form.Type switch { DType.F32 => CudaDataType.F32, DType.F16 => CudaDataType.F16, _ => CudaDataType.BF16 };
            _product = Own(CublasLtDescription.Product());
            _weight = Own(CublasLtDescription.Matrix(type, form.Depth, form.Columns, form.Stride));
            _x = Own(CublasLtDescription.Matrix(type, form.Depth, form.Rows, form.Depth));
            _y = Own(CublasLtDescription.Matrix(type, form.Columns, form.Rows, form.Columns));
            Set(MatmulDescAttribute.TransposeA, CublasOperation.Transpose);
            Set(MatmulDescAttribute.TransposeB, CublasOperation.None);
            Set(MatmulDescAttribute.Epilogue, EpilogueOf(form));
            if (form.Bias)
                Set(MatmulDescAttribute.BiasPointer, bias);
            FindWays();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>How many ways there are, at least one.</summary>
    public int Ways => _ways.Count;

    /// <summary>Asks the device for a product.</summary>
    /// <param name="way">Counted from 0.</param>
    /// <param name="operands">At multiples of 256 bytes, as the library is promised.</param>
    /// <param name="result">Likewise.</param>
    /// <exception cref="CudaException">5111: the library refuses.</exception>
    public void Run(int way, in CublasLtOperands operands, ulong result)
    {
        if (_form.Bias)
            Set(MatmulDescAttribute.BiasPointer, operands.Bias);
        float alpha = 1, beta = _form.Residual ? 1 : 0;
        MatmulHeuristicResult chosen = _ways[way];
        CublasLtCall.Check(
            CublasLt.cublasLtMatmul(
                _library.Value, _product.Value, &alpha, operands.Weight, _weight.Value, operands.X, _x.Value, &beta, _form.Residual ? operands.Residual : result, _y.Value,
                result, _y.Value, chosen.Algorithm, _workspace, CublasLtPeer.WorkspaceBytes, _context.Stream),
            _form.ToString());
        _context.Follow($"cublasLtMatmul, {_form}");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (CublasLtDescription made in _descriptions)
            made.Dispose();
    }

    private static CublasLtEpilogue EpilogueOf(in CublasLtForm form)
    {
        CublasLtEpilogue parts = (form.Bias ? CublasLtEpilogue.Bias : 0) | form.Activation switch
        {
            Activation.None => 0,
            Activation.Relu => CublasLtEpilogue.Relu,
            Activation.Gelu => CublasLtEpilogue.Gelu,
            _ => throw new ArgumentException($"cuBLASLt has no {form.Activation}", nameof(form)),
        };
        return parts == 0 ? CublasLtEpilogue.Default : parts;
    }

    private void FindWays()
    {
        using CublasLtDescription preference = CublasLtDescription.Preference();
        Prefer(preference, MatmulPreferenceAttribute.MaxWorkspaceBytes, (ulong)CublasLtPeer.WorkspaceBytes);
        if (_form.Type != DType.F32)
            Prefer(preference, MatmulPreferenceAttribute.ReductionSchemeMask, CublasLtReduction.ComputeType); // the others round parts of sums to the half type
        MatmulHeuristicResult* results = stackalloc MatmulHeuristicResult[MostWays];
        CublasLtCall.Check(
            CublasLt.cublasLtMatmulAlgoGetHeuristic(_library.Value, _product.Value, _weight.Value, _x.Value, _y.Value, _y.Value, preference.Value, MostWays, results, out int found),
            _form.ToString());
        for (int i = 0; i < found; i++)
        {
            if (results[i].State == CublasStatus.Success)
                _ways.Add(results[i]);
        }

        if (_ways.Count == 0)
            throw new CudaException(CudaErrors.PeerCall, $"cublasLtMatmulAlgoGetHeuristic finds no way of computing it; {_form}", "measure this shape without --peer");
    }

    private void Prefer<T>(CublasLtDescription preference, MatmulPreferenceAttribute attribute, T value)
        where T : unmanaged =>
        CublasLtCall.Check(CublasLt.cublasLtMatmulPreferenceSetAttribute(preference.Value, attribute, &value, (nuint)sizeof(T)), _form.ToString());

    private CublasLtDescription Own(CublasLtDescription made)
    {
        _descriptions.Add(made);
        return made;
    }

    private void Set<T>(MatmulDescAttribute attribute, T value)
        where T : unmanaged =>
        CublasLtCall.Check(CublasLt.cublasLtMatmulDescSetAttribute(_product.Value, attribute, &value, (nuint)sizeof(T)), _form.ToString());
}
