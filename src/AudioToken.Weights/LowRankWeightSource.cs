using System.Buffers;
using System.Numerics.Tensors;
using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>A parameter with a LoRA merged in as it is read: W + scale · up · down.</summary>
/// <remarks>Hu et al. 2021. Computed a block of rows at a time: it needs the block's product (at most 1 MiB, or one row), the block's part
/// of up, and one row of down, whatever the size of W. Safe from any number of threads if the three sources are.</remarks>
public sealed class LowRankWeightSource : WeightSource
{
    private const int BlockElements = 256 << 10;

    private readonly WeightSource _weight;
    private readonly WeightSource _down;
    private readonly WeightSource _up;
    private readonly float _scale;
    private readonly int _columns;
    private readonly int _rank;

    /// <summary>Puts a low-rank change onto a parameter.</summary>
    /// <param name="weight">W, [out, in] or [out, in, kh, kw].</param>
    /// <param name="down">[rank, in] or [rank, in, kh, kw].</param>
    /// <param name="up">[out, rank] or [out, rank, 1, 1].</param>
    /// <param name="scale">Strength s; with a published alpha, alpha / rank times the strength.</param>
    /// <exception cref="WeightFileException">The shapes do not go together (4112).</exception>
    public LowRankWeightSource(WeightSource weight, WeightSource down, WeightSource up, float scale = 1f)
        : base(Required(weight).Name, weight.Shape, DType.F32)
    {
        ArgumentNullException.ThrowIfNull(down);
        ArgumentNullException.ThrowIfNull(up);
        if (!float.IsFinite(scale))
            throw new ArgumentOutOfRangeException(nameof(scale), scale, "The scale of a LoRA must be finite.");
        Shape shape = weight.Shape;
        long columns = shape.Rank < 2 || shape[0] == 0 ? 0 : shape.Count / shape[0];
        long rank = down.Shape.Rank == 0 ? 0 : down.Shape[0];
        if (columns == 0 || rank == 0 || columns > Array.MaxLength
            || down.Shape.Count != rank * columns || up.Shape.Rank < 2 || up.Shape[0] != shape[0] || up.Shape.Count != shape[0] * rank)
        {
            throw new WeightFileException(ErrorCode.LowRank, WeightFileException.Quote(weight.Name),
                $"its LoRA does not fit: the weight is {shape}, down is {down.Shape}, up is {up.Shape}; wanted down [rank, in] and up [out, rank].",
                "A LoRA trained on another model? Its width tells: 768 is Stable Diffusion 1, 1024 is 2.");
        }

        (_weight, _down, _up, _scale, _columns, _rank) = (weight, down, up, scale, (int)columns, (int)rank);
    }

    /// <inheritdoc/>
    public override void Read(long start, Span<float> destination)
    {
        _weight.Read(start, destination);
        int rowsOfBlock = Math.Max(1, BlockElements / Math.Max(_columns, _rank));
        while (!destination.IsEmpty)
        {
            long row = start / _columns;
            int skip = (int)(start % _columns);
            long reach = Math.Min((long)rowsOfBlock * _columns - skip, destination.Length);
            Merge(row, skip, destination[..(int)reach]);
            start += reach;
            destination = destination[(int)reach..];
        }
    }

    private static WeightSource Required(WeightSource weight)
    {
        ArgumentNullException.ThrowIfNull(weight);
        return weight;
    }

    // destination lies in rows from firstRow on, beginning skip columns into the first. The product is summed before it meets W,
    // as in y = W x + s · up (down x): small terms are not rounded one by one against a large weight.
    private void Merge(long firstRow, int skip, Span<float> destination)
    {
        int rows = (int)(((long)skip + destination.Length + _columns - 1) / _columns);
        float[] up = ArrayPool<float>.Shared.Rent(rows * _rank);
        float[] down = ArrayPool<float>.Shared.Rent(_columns);
        float[] product = ArrayPool<float>.Shared.Rent(destination.Length);
        try
        {
            _up.Read(firstRow * _rank, up.AsSpan(0, rows * _rank));
            Span<float> sum = product.AsSpan(0, destination.Length);
            sum.Clear();
            for (int k = 0; k < _rank; k++)
            {
                _down.Read((long)k * _columns, down.AsSpan(0, _columns));
                for (int i = 0; i < rows; i++)
                {
                    int from = i == 0 ? skip : 0;
                    int at = i * _columns + from - skip;
                    int length = Math.Min(_columns - from, destination.Length - at);
                    Span<float> part = sum.Slice(at, length);
                    TensorPrimitives.MultiplyAdd(down.AsSpan(from, length), up[i * _rank + k], part, part);
                }
            }

            TensorPrimitives.MultiplyAdd(sum, _scale, destination, destination);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(up);
            ArrayPool<float>.Shared.Return(down);
            ArrayPool<float>.Shared.Return(product);
        }
    }
}
