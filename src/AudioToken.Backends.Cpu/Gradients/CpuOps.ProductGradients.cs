using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

// Gradients of matrix products and convolutions: again products, on the same engine.
public sealed unsafe partial class CpuOps : IGradientOps
{
    // Rows of the right-hand side of a weight gradient that are laid out at a time.
    private const long GradientPanelFloats = 4 << 20;

    /// <inheritdoc/>
    public Tensor LinearInputGradient(Tensor dy, Weight weight)
    {
        const string Name = nameof(LinearInputGradient);
        CpuWeight own = Own(weight, WeightRole.Linear, Name, nameof(weight));
        Columns(dy, own.Shape[0], Name);
        Tensor dx = Allocate(dy.Shape.WithLast(own.Shape[1]));
        using TensorScope scope = Scope();
        GemmProblem problem = Reversed(own, 1, RowsOf(dy.Shape), Data(dx, Name, nameof(dx)), own.Shape[1]);
        _engine.Multiply(_workers, problem, new MatrixRows(Data(dy, Name, nameof(dy)), own.Shape[0], 0));
        return dx;
    }

    /// <inheritdoc/>
    public Tensor LinearWeightGradient(Tensor x, Tensor dy)
    {
        const string Name = nameof(LinearWeightGradient);
        (int k, int n) = (x.Shape[^1], dy.Shape[^1]);
        if (RowsOf(x.Shape) != RowsOf(dy.Shape))
            throw new ShapeException($"{Name}: x is {x.Shape}, dy {dy.Shape}; they have as many rows.");
        Tensor dw = Allocate([n, k]);
        WeightGradient(new MatrixRows(Data(x, Name, nameof(x)), k, 0), 0, RowsOf(x.Shape), k, Data(dy, Name, nameof(dy)), n, n, Data(dw, Name, nameof(dw)));
        return dw;
    }

    /// <inheritdoc/>
    public Tensor Conv2dInputGradient(Tensor dy, Weight weight, in ConvGeometry geometry, int height, int width)
    {
        const string Name = nameof(Conv2dInputGradient);
        CpuWeight own = Own(weight, WeightRole.Conv2d, Name, nameof(weight));
        (int n, int channels, int kh, int kw) = (own.Shape[0], own.Shape[1], own.Shape[2], own.Shape[3]);
        ConvOutput(dy, geometry, height, width, own, Name);
        bool enlarged = geometry.UpsampleHeight > 0;
        (int tall, int wide) = enlarged ? (geometry.UpsampleHeight, geometry.UpsampleWidth) : (height, width);
        Shape shape = [dy.Shape[0], height, width, channels];
        Tensor dx = Allocate(shape);
        using TensorScope scope = Scope();
        Tensor whole = enlarged ? Allocate([dy.Shape[0], tall, wide, channels]) : dx;
        Tensor spread = geometry.Stride == 1 ? dy : Spread(dy, geometry.Stride);
        float* data = Data(spread, Name, nameof(dy));
        GemmProblem problem = Reversed(own, kh * kw, RowsOf(whole.Shape), Data(whole, Name, nameof(dx)), channels);
        if (kh * kw == 1 && (spread.Shape[1], spread.Shape[2]) == (tall, wide) && geometry is { PadTop: 0, PadLeft: 0 })
        {
            _engine.Multiply(_workers, problem, new MatrixRows(data, n, 0));
        }
        else
        {
            ConvGeometry back = new() { Stride = 1, PadTop = kh - 1 - geometry.PadTop, PadLeft = kw - 1 - geometry.PadLeft };
            _engine.Multiply(_workers, problem, new ConvWindows(data, spread.Shape, null, 0, back, kw, tall, wide));
        }

        if (enlarged)
            _workers.Run(checked(dy.Shape[0] * height), new Shrinking(Data(whole, Name, nameof(whole)), Data(dx, Name, nameof(dx)), shape, tall, wide));
        return dx;
    }

    /// <inheritdoc/>
    public Tensor Conv2dWeightGradient(Tensor x, Tensor dy, Weight weight, in ConvGeometry geometry, Tensor skip = default)
    {
        const string Name = nameof(Conv2dWeightGradient);
        CpuWeight own = Own(weight, WeightRole.Conv2d, Name, nameof(weight));
        (int n, int channels, int kh, int kw) = (own.Shape[0], own.Shape[1], own.Shape[2], own.Shape[3]);
        ConvOutput(dy, geometry, x.Shape[1], x.Shape[2], own, Name);
        int skipChannels = skip.IsEmpty ? 0 : skip.Shape[3];
        if (x.Shape[3] + skipChannels != channels)
            throw new ShapeException($"{Name}: the input has {x.Shape[3] + skipChannels} channels, {own.Name} is {own.Shape}.");
        Tensor dw = Allocate(own.Shape);
        using TensorScope scope = Scope();
        Tensor sums = kh * kw == 1 ? dw : Allocate([n, kh * kw, channels]);
        ConvWindows windows = new(
            Data(x, Name, nameof(x)), x.Shape, DataOrNull(skip, Name, nameof(skip)), skipChannels, geometry, kw, dy.Shape[1], dy.Shape[2]);
        WeightGradient(windows, 0, RowsOf(dy.Shape), kh * kw * channels, Data(dy, Name, nameof(dy)), n, n, Data(sums, Name, nameof(sums)));
        if (kh * kw > 1)
            InFileOrder(sums, dw, n, kh * kw, channels);
        return dw;
    }

    /// <inheritdoc/>
    public Tensor GroupedConv1dInputGradient(Tensor dy, Weight weight, int groups, int padding)
    {
        const string Name = nameof(GroupedConv1dInputGradient);
        CpuWeight own = Own(weight, WeightRole.GroupedConv1d, Name, nameof(weight));
        Columns(dy, own.Shape[0], Name);
        using TensorScope scope = Scope();
        int taps = own.Shape[2];
        PackedShape packed = new(groups, own.Shape[1], taps * own.Shape[1], _engine.VectorWidth);
        float* panels = Reverse(own, taps, packed);
        return scope.Keep(GroupedConv1d(dy, panels, packed, taps, taps - 1 - padding, TileEpilogue.None, Name));
    }

    /// <inheritdoc/>
    public Tensor GroupedConv1dWeightGradient(Tensor x, Tensor dy, Weight weight, int groups, int padding)
    {
        const string Name = nameof(GroupedConv1dWeightGradient);
        CpuWeight own = Own(weight, WeightRole.GroupedConv1d, Name, nameof(weight));
        Columns(x, own.Shape[0], Name);
        Columns(dy, own.Shape[0], Name);
        (int batch, int length, int channels, int width, int taps) = (x.Shape[0], x.Shape[1], x.Shape[2], own.Shape[1], own.Shape[2]);
        Tensor dw = Allocate(own.Shape);
        using TensorScope scope = Scope();
        float* sums = Data(Allocate([channels, taps * width]), Name, nameof(sums));
        int padded = checked(length + taps - 1);
        float* windows = Data(Allocate([groups, padded, width]), Name, nameof(windows));
        for (int sample = 0; sample < batch; sample++)
        {
            long at = (long)sample * length * channels;
            _workers.Run(groups, new GroupGathering(Data(x, Name, nameof(x)) + at, windows, length, channels, width, padding, padded));
            for (int group = 0; group < groups; group++)
            {
                WeightGradient(
                    new MatrixRows(windows, width, (long)padded * width), group, length, taps * width,
                    Data(dy, Name, nameof(dy)) + at + group * width, channels, width, sums + (long)group * width * taps * width, add: sample > 0);
            }
        }

        InFileOrder(new Span<float>(sums, (int)own.Shape.Count), new Span<float>(Data(dw, Name, nameof(dw)), (int)own.Shape.Count), channels, taps, width);
        return dw;
    }

    /// <inheritdoc/>
    public Tensor ColumnSums(Tensor x, int samples)
    {
        const string Name = nameof(ColumnSums);
        (long rows, int columns) = (RowsOf(x.Shape), x.Shape[^1]);
        if (samples < 1 || rows % samples != 0)
            throw new ShapeException($"{Name}: {samples} samples do not divide the rows of {x.Shape}.");
        Tensor sums = Allocate([samples, columns]);
        _workers.Run(samples, new ColumnSumming(_workers, Data(x, Name, nameof(x)), Data(sums, Name, nameof(sums)), checked((int)(rows / samples)), columns));
        return sums;
    }

    /// <inheritdoc/>
    public void Assign(Weight weight, ReadOnlySpan<float> values)
    {
        CpuWeight own = Own(weight, weight.Role, nameof(Assign), nameof(weight));
        if (values.Length != own.Shape.Count)
            throw new ShapeException($"Assign: {values.Length} values for '{own.Name}' {own.Shape}.");
        if (own.Type != DType.F32)
            throw new ShapeException($"Assign: '{own.Name}' rests as {own.Type} and takes no new values; load a weight that changes from an F32 source.");
        if (own.Role is WeightRole.Vector or WeightRole.Table)
        {
            values.CopyTo(new Span<float>(own.Data, values.Length));
            return;
        }

        int taps = own.Role switch { WeightRole.Conv2d => own.Shape[2] * own.Shape[3], WeightRole.GroupedConv1d => own.Shape[2], _ => 1 };
        PackedShape packed = own.Packed;
        fixed (float* source = values)
        {
            for (int group = 0; group < packed.Groups; group++)
            {
                _workers.Run(packed.Panels, new PanelPacking(
                    source + (long)group * packed.Columns * packed.Depth, asStored: false, own.Data + group * packed.GroupFloats, DType.F32, packed, 0, taps, null));
            }
        }
    }

    // A product with a weight turned round: its outputs are the depth, its inputs the columns. The open scope owns the panels.
    private GemmProblem Reversed(CpuWeight weight, int taps, long rows, float* output, int columns)
    {
        PackedShape packed = new(1, columns, taps * weight.Shape[0], _engine.VectorWidth);
        return new GemmProblem
        {
            Rows = rows,
            Weight = new RestingValues(Reverse(weight, taps, packed)),
            Packed = packed,
            Output = output,
            OutputStride = columns,
            Epilogue = TileEpilogue.None,
        };
    }

    private float* Reverse(CpuWeight weight, int taps, PackedShape packed)
    {
        float* panels = Data(Allocate([checked((int)packed.Floats)]), nameof(Reverse), nameof(panels));
        _workers.Run(packed.Groups * packed.Panels, new ReversedPanels(_engine, weight.Values, weight.Packed, panels, packed, taps));
        return panels;
    }

    // output [n, k] = dy^T x, x in blocks of rows so that its panels stay small; the order of the sums depends on shapes alone.
    private void WeightGradient<TSource>(TSource x, int group, long rows, int k, float* dy, long stride, int n, float* output, bool add = false)
        where TSource : struct, IRowSource
    {
        int most = (int)Math.Clamp(GradientPanelFloats / Math.Max(k, 1) / 512 * 512, 512, 1 << 20);
        using TensorScope scope = Scope();
        float* panels = null;
        for (long start = 0; start < rows; start += most)
        {
            PackedShape packed = new(1, k, (int)Math.Min(most, rows - start), _engine.VectorWidth);
            panels = panels is null ? Data(Allocate([checked((int)packed.Floats)]), nameof(WeightGradient), nameof(panels)) : panels;
            SourcePanels<TSource> packing = new(_workers, x, group, start, panels, packed);
            _workers.Run(packing.Parts, packing);
            GemmProblem problem = new()
            {
                Rows = n,
                Weight = new RestingValues(panels),
                Packed = packed,
                Output = output,
                OutputStride = k,
                Epilogue = TileEpilogue.None with { Residual = add || start > 0 ? output : null, ResidualScale = 1 },
            };
            _engine.Multiply(_workers, problem, new TransposedRows(dy + start * stride, stride));
        }

        if (rows == 0 && !add)
            new Span<float>(output, checked(n * k)).Clear();
    }

    private void InFileOrder(Tensor sums, Tensor result, int n, int taps, int channels)
    {
        int count = checked((int)result.Shape.Count);
        InFileOrder(
            new Span<float>(Data(sums, nameof(InFileOrder), nameof(sums)), count), new Span<float>(Data(result, nameof(InFileOrder), nameof(result)), count), n, taps, channels);
    }

    // [n][tap][channel] to [n][channel][tap].
    private static void InFileOrder(ReadOnlySpan<float> sums, Span<float> result, int n, int taps, int channels)
    {
        for (int o = 0; o < n; o++)
        {
            for (int tap = 0; tap < taps; tap++)
            {
                for (int c = 0; c < channels; c++)
                    result[(o * channels + c) * taps + tap] = sums[(o * taps + tap) * channels + c];
            }
        }
    }

    // Rows and columns apart by the stride, zeros between them.
    private Tensor Spread(Tensor dy, int stride)
    {
        (int batch, int height, int width, int columns) = (dy.Shape[0], dy.Shape[1], dy.Shape[2], dy.Shape[3]);
        Shape shape = [batch, (height - 1) * stride + 1, (width - 1) * stride + 1, columns];
        Tensor result = Allocate(shape);
        float* from = Data(dy, nameof(Spread), nameof(dy)), to = Data(result, nameof(Spread), nameof(result));
        new Span<float>(to, checked((int)shape.Count)).Clear();
        for (int b = 0; b < batch; b++)
        {
            for (int y = 0; y < height; y++)
            {
                for (int x = 0; x < width; x++, from += columns)
                {
                    long pixel = ((long)b * shape[1] + y * stride) * shape[2] + x * stride;
                    new ReadOnlySpan<float>(from, columns).CopyTo(new Span<float>(to + pixel * columns, columns));
                }
            }
        }

        return result;
    }

    private static void ConvOutput(Tensor dy, in ConvGeometry geometry, int height, int width, CpuWeight weight, string operation)
    {
        (int h, int w) = geometry.OutputSize(height, width, weight.Shape[2], weight.Shape[3]);
        if (dy.Shape != new Shape(dy.Shape[0], h, w, weight.Shape[0]))
            throw new ShapeException($"{operation}: dy is {dy.Shape}, wanted [{dy.Shape[0]}, {h}, {w}, {weight.Shape[0]}].");
    }

    private static void Columns(Tensor tensor, int wanted, string operation)
    {
        if (tensor.IsEmpty || tensor.Shape.Rank < 1 || tensor.Shape[^1] != wanted)
            throw new ShapeException($"{operation}: found {tensor}, wanted [..., {wanted}].");
    }
}
