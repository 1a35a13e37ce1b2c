namespace AudioToken.Tensors;

/// <summary>Pointwise functions that operations can apply to their result.</summary>
public enum Activation
{
    /// <summary>x.</summary>
    None,

    /// <summary>x / (1 + e^-x), also called swish.</summary>
    Silu,

    /// <summary>x (1 + erf(x / sqrt 2)) / 2, the exact form.</summary>
    Gelu,

    /// <summary>x / (1 + e^(-1.702 x)), CLIP's approximation.</summary>
    QuickGelu,

    /// <summary>max(x, 0).</summary>
    Relu,

    /// <summary>First half of the columns times the <see cref="Gelu"/> of the second half; halves the innermost extent.
    /// Only as an epilogue of <see cref="ITensorOps.Linear"/>.</summary>
    Geglu,
}

/// <summary>What a matrix product does with its sums before it stores them.</summary>
/// <remarks><c>y = Scale * act(sum + Bias + ChannelShift) + ResidualScale * Residual</c>, all in fp32. <c>default</c> means: store the sums.</remarks>
public readonly record struct Epilogue
{
    /// <summary>The plain form with a bias.</summary>
    public Epilogue(Weight? bias) => Bias = bias;

    /// <summary>One value a column, [N].</summary>
    public Weight? Bias { get; init; }

    /// <summary>One value a column and sample, [B, N], or [1, N] for all samples alike.</summary>
    public Tensor ChannelShift { get; init; }

    /// <summary>Applied after bias and shift.</summary>
    public Activation Activation { get; init; }

    /// <summary>Added last; the shape of the result.</summary>
    public Tensor Residual { get; init; }

    /// <summary>Factor of the activated sum; 0 (the default) means 1.</summary>
    public float Scale { get; init; }

    /// <summary>Factor of the residual; 0 (the default) means 1.</summary>
    public float ResidualScale { get; init; }

    /// <summary>A GroupNorm will read the result. It changes no value: a backend may note on the way what the norm needs to know.</summary>
    public bool NormFollows { get; init; }

    /// <summary><see cref="Scale"/> with the default resolved.</summary>
    public float EffectiveScale => Scale == 0 ? 1 : Scale;

    /// <summary><see cref="ResidualScale"/> with the default resolved.</summary>
    public float EffectiveResidualScale => ResidualScale == 0 ? 1 : ResidualScale;
}

/// <summary>A residual that is itself a product: the 1x1 convolution around a block whose number of channels changes. He et al. 2016.</summary>
/// <param name="X">[B, H, W, C].</param>
/// <param name="Weight">Role Conv2d, [N, C + Cskip, 1, 1].</param>
/// <param name="Bias">Vector, [N], or none.</param>
/// <param name="Skip">If given: its channels follow those of <paramref name="X"/>, [B, H, W, Cskip].</param>
public readonly record struct Shortcut(Tensor X, Weight Weight, Weight? Bias, Tensor Skip = default)
{
    /// <summary>The residual by itself, [B, H, W, N]; the innermost open scope owns it.</summary>
    public Tensor Convolve(ITensorOps ops)
    {
        ArgumentNullException.ThrowIfNull(ops);
        return ops.Conv2d(X, Weight, new ConvGeometry(stride: 1, padding: 0), new Epilogue(Bias), Skip);
    }
}

/// <summary>Where a convolution puts its windows.</summary>
public readonly record struct ConvGeometry
{
    /// <summary>The same padding on all four sides.</summary>
    public ConvGeometry(int stride, int padding)
    {
        Stride = stride;
        PadTop = PadLeft = PadBottom = PadRight = padding;
    }

    /// <summary>Step between windows, at least 1.</summary>
    public int Stride { get; init; }

    /// <summary>Rows of zeros above.</summary>
    public int PadTop { get; init; }

    /// <summary>Columns of zeros on the left.</summary>
    public int PadLeft { get; init; }

    /// <summary>Rows of zeros below.</summary>
    public int PadBottom { get; init; }

    /// <summary>Columns of zeros on the right.</summary>
    public int PadRight { get; init; }

    /// <summary>If not 0: the input is first enlarged to this height by nearest neighbour (source row = floor(row * h / UpsampleHeight)).</summary>
    public int UpsampleHeight { get; init; }

    /// <summary>If not 0: the input is first enlarged to this width by nearest neighbour.</summary>
    public int UpsampleWidth { get; init; }

    /// <summary>Height and width of the result for an input of the given size.</summary>
    /// <exception cref="ShapeException">No window fits.</exception>
    public (int Height, int Width) OutputSize(int height, int width, int kernelHeight, int kernelWidth)
    {
        int h = (UpsampleHeight > 0 ? UpsampleHeight : height) + PadTop + PadBottom - kernelHeight;
        int w = (UpsampleWidth > 0 ? UpsampleWidth : width) + PadLeft + PadRight - kernelWidth;
        if (h < 0 || w < 0 || Stride < 1)
            throw new ShapeException($"Conv2d: a {kernelHeight}x{kernelWidth} window of stride {Stride} does not fit a {height}x{width} input padded by {PadTop}, {PadLeft}, {PadBottom}, {PadRight}.");
        return (h / Stride + 1, w / Stride + 1);
    }
}

/// <summary>How an attention is scored.</summary>
public readonly record struct AttentionOptions
{
    /// <summary>Number of heads; head h takes columns [h * width, (h + 1) * width).</summary>
    public required int Heads { get; init; }

    /// <summary>Factor of the products, usually width^-0.5.</summary>
    public required float Scale { get; init; }

    /// <summary>Row i sees keys j &lt;= i only.</summary>
    public bool Causal { get; init; }

    /// <summary>Added to the scaled scores before the softmax, [heads, Lq, Lk], the same for every sample.</summary>
    public Tensor Bias { get; init; }

    /// <summary>Factor of <see cref="Bias"/> for each sample, query and head, [B, Lq, heads].</summary>
    public Tensor BiasGate { get; init; }
}
