using AudioToken.Backends.Cuda.Memory;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

/// <summary>Rows of a parameter in device memory.</summary>
/// <param name="Block">Holds them.</param>
/// <param name="Type">Type of the elements.</param>
/// <param name="Count">How many.</param>
/// <param name="Depth">Elements of a row: the terms of a sum, in the order of a window's channels-last memory; of phases, of one of them.</param>
/// <param name="Stride">Elements from row to row: the depth rounded up to a multiple of 8, filled with zeros; of phases, as many times as there are.</param>
internal readonly record struct CudaRows(DeviceBlock Block, DType Type, int Count, int Depth, int Stride);

/// <summary>What has been made of two linear layers with a residual between them: the second's product with the first.</summary>
/// <param name="Layers">The layers.</param>
/// <param name="Rows">W2 W1, [N, K].</param>
/// <param name="Bias">W2 b1 + b2 in fp32, [N]; none where the first layer has no bias.</param>
internal sealed record CudaChain(LinearChain Layers, CudaRows Rows, DeviceBlock? Bias);

/// <summary>A parameter in device memory: rows of the storage type (fp32 for vectors).</summary>
internal sealed class CudaWeight : Weight
{
    private readonly CudaRows? _phases;
    private CudaRows? _rows;
    private CudaChain? _chain;
    private bool _disposed;

    /// <summary>Names memory that a backend has filled, and owns it.</summary>
    public CudaWeight(CudaOps owner, WeightSource source, WeightRole role, CudaRows rows)
        : base(source.Name, source.Shape, role) => (Owner, _rows) = (owner, rows);

    /// <summary>The same of the four phases of a convolution of doubled maps; its own rows are made of the kept values when they are first asked for.</summary>
    public CudaWeight(CudaOps owner, KeptWeightSource kept, WeightRole role, CudaRows phases)
        : base(kept.Name, kept.Shape, role) => (Owner, Kept, _phases) = (owner, kept, phases);

    /// <summary>The backend that loaded it.</summary>
    public CudaOps Owner { get; }

    /// <summary>Of a weight whose rows another form has replaced: its values.</summary>
    public KeptWeightSource? Kept { get; private set; }

    /// <summary>The rows of the weight as it stands in its file.</summary>
    /// <exception cref="ObjectDisposedException">The weight has been disposed.</exception>
    public CudaRows Rows
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _rows ??= Owner.LoadLater(this);
        }
    }

    /// <summary>Whether its own rows are on the device.</summary>
    public bool HasRows => _rows is not null;

    /// <summary>The rows of its phases, if it was loaded for doubled maps.</summary>
    /// <exception cref="ObjectDisposedException">The weight has been disposed.</exception>
    public CudaRows? Phases
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _phases;
        }
    }

    /// <summary>The chain of which it is a weight or a bias, if that has been made one.</summary>
    /// <exception cref="ObjectDisposedException">The weight has been disposed.</exception>
    public CudaChain? Chain
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _chain;
        }
        set => _chain = value;
    }

    /// <summary>The first element of its <see cref="Rows"/>.</summary>
    /// <exception cref="ObjectDisposedException">The weight has been disposed.</exception>
    public ulong Address => Rows.Block.Pointer.Address;

    /// <summary>Gives its rows back: another form stands for them from now on.</summary>
    /// <param name="kept">Its values, from which they are made when they are next asked for.</param>
    public void Replace(KeptWeightSource kept)
    {
        Owner.FreeWeight(Rows.Block);
        (Kept, _rows) = (kept, null);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (_disposed)
            return;
        Owner.Part(this);
        _disposed = true;
        foreach (CudaRows? form in (ReadOnlySpan<CudaRows?>)[_rows, _phases])
        {
            if (form is { } rows)
                Owner.FreeWeight(rows.Block);
        }
    }
}
