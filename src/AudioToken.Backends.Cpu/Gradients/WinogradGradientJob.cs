using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>What the passes of the weight gradient of a 3x3 convolution by F(4x4, 3x3) share; the transposed form of <see cref="WinogradJob"/>.</summary>
/// <remarks>With y = A^T [(G g) * (B^T d)] of a tile, the gradient by g is G^T of the sum over tiles of (A dy) * (B^T d): windows and gradients of a tile are
/// transformed to 36 values each, each of the 36 is a matrix product over the tiles, and the 36 sums of a filter are transformed to its nine taps, once.</remarks>
internal unsafe struct WinogradGradientJob
{
    /// <summary>Outputs of a part.</summary>
    public const int BlockOutputs = 16;

    // What is transformed at a time stays near the third-level cache.
    private const int TransformedFloats = 5 << 18;
    private const int Points = WinogradJob.MostPoints;

    // Of fewer, transforming costs more than the products saved.
    private const int FewestChannels = 64;

    public WinogradJob Windows; // the convolution's input: sources and sizes
    public float* Dy;           // [B, Height, Width, Outputs]
    public int Outputs;
    public int AllTiles;
    public int FirstTile;       // of the present run of tiles
    public int Tiles;
    public float* Inputs;       // [Points], each [Tiles, Depth]
    public float* Slopes;       // [Points], each [Tiles, Outputs]
    public float* Sums;         // [Blocks][Points], each panels of [outputs of the block][width]
    public float* Result;       // [Outputs, Depth, 9]

    /// <summary>Tiles of a run.</summary>
    public readonly int MostTiles => Math.Min(AllTiles, Math.Max(16, TransformedFloats / (Points * (Windows.Depth + Outputs)) / 16 * 16));

    /// <summary>Floats from the inputs of one point to those of the next.</summary>
    public readonly long InputStride => CacheLines.Apart((long)MostTiles * Windows.Depth);

    /// <summary>Floats from the gradients of one point to those of the next.</summary>
    public readonly long SlopeStride => CacheLines.Apart((long)MostTiles * Outputs);

    /// <summary>Blocks of outputs.</summary>
    public readonly int Blocks => (Outputs + BlockOutputs - 1) / BlockOutputs;

    /// <summary>Floats from the sums of one point to those of the next.</summary>
    public readonly long SumStride => CacheLines.Apart((long)BlockOutputs * Windows.Depth);

    /// <summary>Floats of the sums of a block.</summary>
    public readonly long BlockFloats => Points * SumStride;

    /// <summary>Whether a convolution has the form, and gains by it.</summary>
    public static bool Suits(Shape x, int skipChannels, Shape weight, in ConvGeometry geometry, int vectorWidth) =>
        weight[0] >= FewestChannels && weight[1] >= FewestChannels && HasForm(x, skipChannels, weight, geometry, vectorWidth);

    /// <summary>Whether a convolution has the form.</summary>
    public static bool HasForm(Shape x, int skipChannels, Shape weight, in ConvGeometry geometry, int vectorWidth) =>
        weight[2] == 3 && weight[3] == 3
        && geometry is { Stride: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1 }
        && x[3] % vectorWidth == 0 && skipChannels % vectorWidth == 0 && weight[0] % vectorWidth == 0;
}
