using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

// Gradients of matrix products and convolutions: again products, on the same engine.
public sealed unsafe partial class CpuOps : IGradientOps
{
    // Rows of the right-hand side of a weight gradient that are laid out at a time.
    private const long GradientPanelFloats = 4 << 20;

    // Rows of a map from which on one padded copy for all taps costs less than a copy a tap: what is multiplied beyond the edges is then small.
    private const int FewestShared = 12;

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
        WeightGradient(Data(x, Name, nameof(x)), [1, 1, checked((int)RowsOf(x.Shape)), k], null, k, new(1, 0), 1, 1, Data(dy, Name, nameof(dy)), n, 1, checked((int)RowsOf(x.Shape)), Data(dw, Name, nameof(dw)));
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
        if (Doubling.Suits(shape, own.Shape, geometry))
        {
            GemmProblem halving = Reversed(own, kh * kw, RowsOf(shape), Data(dx, Name, nameof(dx)), channels);
            PackedShape turned = halving.Packed;
            halving.Packed = turned with { Depth = HalvingTaps.Side * HalvingTaps.Side * n };
            float* summed = Working(halving.Packed.Floats);
            _workers.Run(turned.Panels, new HalvingTaps((float*)halving.Weight.Address, summed, turned, halving.Packed));
            halving.Weight = new RestingValues(summed);
            _engine.Multiply(_workers, halving, new ConvWindows(
                Data(dy, Name, nameof(dy)), dy.Shape, null, 0, new ConvGeometry { Stride = 2, PadTop = 1, PadLeft = 1 }, HalvingTaps.Side, height, width));
            return dx;
        }

        Tensor whole = enlarged ? Allocate([dy.Shape[0], tall, wide, channels]) : dx;
        Tensor spread = geometry.Stride == 1 ? dy : Spread(dy, geometry.Stride);
        float* data = Data(spread, Name, nameof(dy));
        GemmProblem problem = Reversed(own, kh * kw, RowsOf(whole.Shape), Data(whole, Name, nameof(dx)), channels);
        if (kh * kw == 1 && (spread.Shape[1], spread.Shape[2]) == (tall, wide) && geometry is { PadTop: 0, PadLeft: 0 })
        {
            _engine.Multiply(_workers, problem, new MatrixRows(data, n, 0));
        }
        else if (WinogradJob.FormOf(_exact, dy.Shape, 0, [channels, n, kh, kw], geometry, tall, wide, _engine.VectorWidth, plain: true) is WinogradForm form)
        {
            Winograd(new WinogradJob
            {
                X = data,
                Channels = n,
                SourceHeight = tall,
                SourceWidth = wide,
                Height = tall,
                Width = wide,
                Form = form,
                Weight = problem.Weight,
                Packed = problem.Packed,
                Output = problem.Output,
                Epilogue = problem.Epilogue,
            }, dy.Shape[0]);
        }
        else if (PixelConv.Suits(n, channels, kh, kw, wide) && geometry is { PadTop: <= 2, PadLeft: <= 2 })
        {
            _engine.Multiply(_workers, new PixelConv
            {
                X = data,
                Channels = n,
                Samples = dy.Shape[0],
                SourceHeight = spread.Shape[1],
                SourceWidth = spread.Shape[2],
                Top = kh - 1 - geometry.PadTop,
                Left = kw - 1 - geometry.PadLeft,
                Height = tall,
                Width = wide,
                Weight = (float*)problem.Weight.Address,
                Packed = problem.Packed,
                Output = problem.Output,
                Epilogue = problem.Epilogue,
            });
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
        float* data = Data(x, Name, nameof(x)), skipData = DataOrNull(skip, Name, nameof(skip)), slopes = Data(dy, Name, nameof(dy)), result = Data(dw, Name, nameof(dw));
        (int tall, int wide) = (dy.Shape[1], dy.Shape[2]);
        if (!_exact && WinogradGradientJob.Suits(x.Shape, skipChannels, own.Shape, geometry, _engine.VectorWidth))
        {
            WinogradGradientJob job = new()
            {
                Windows = InputWindows(x, data, skipChannels, skipData, tall, wide),
                Dy = slopes,
                Outputs = n,
                Result = result,
            };
            job.AllTiles = checked(dy.Shape[0] * job.Windows.TileRows * job.Windows.TileColumns);
            using TensorScope scope = Scope();
            job.Inputs = Working(WinogradJob.MostPoints * job.InputStride);
            job.Slopes = Working(WinogradJob.MostPoints * job.SlopeStride);
            job.Sums = Working(job.Blocks * job.BlockFloats);
            _engine.SumTiles(_workers, job);
            return dw;
        }

        if (!_exact && NarrowWinogradGradientJob.Suits(x.Shape, skipChannels, own.Shape, geometry, tall, wide, _engine.VectorWidth))
        {
            NarrowWinogradGradientJob job = new()
            {
                Windows = InputWindows(x, data, skipChannels, skipData, tall, wide),
                Dy = slopes,
                Outputs = n,
                Result = result,
            };
            job.Tiles = checked(dy.Shape[0] * job.Windows.TileRows * job.Windows.TileColumns);
            using TensorScope scope = Scope();
            job.Sums = Working(job.Slices * job.SliceFloats);
            _engine.SumTiles(_workers, job);
            return dw;
        }

        if (BandGradientJob.Suits(x.Shape, skipChannels, own.Shape, geometry, wide, _engine.VectorWidth))
        {
            BandGradientJob job = new()
            {
                X = data,
                SourceHeight = x.Shape[1],
                SourceWidth = x.Shape[2],
                Channels = channels,
                Dy = slopes,
                Samples = dy.Shape[0],
                Height = tall,
                Width = wide,
                Outputs = n,
                Result = result,
            };
            using TensorScope scope = Scope();
            job.Sums = Working(job.Slices * job.SliceFloats);
            _engine.SumBands(_workers, job);
            return dw;
        }

        if (geometry.Stride == 1 && (kh * kw == 1 || (channels >= _engine.VectorWidth && wide >= FewestShared)))
        {
            WeightGradient(data, x.Shape, skipData, channels, geometry, kh, kw, slopes, n, tall, wide, result);
            return dw;
        }

        ConvWindows windows = new(data, x.Shape, skipData, skipChannels, geometry, kw, tall, wide);
        WeightGradient(windows, 0, RowsOf(dy.Shape), kh * kw * channels, slopes, n, n, result, kh * kw);
        return dw;
    }

    private static WinogradJob InputWindows(Tensor x, float* data, int skipChannels, float* skip, int height, int width) => new()
    {
        X = data,
        Skip = skip,
        Channels = x.Shape[3],
        SkipChannels = skipChannels,
        SourceHeight = x.Shape[1],
        SourceWidth = x.Shape[2],
        Height = height,
        Width = width,
    };

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
                    Data(dy, Name, nameof(dy)) + at + group * width, channels, width, Data(dw, Name, nameof(dw)) + (long)group * width * taps * width, taps, add: sample > 0);
            }
        }

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
        int each = checked((int)(rows / samples)), blocks = ColumnSumming.Blocks(each);
        using TensorScope scope = Scope();
        float* partial = Working((long)samples * blocks * columns), to = Data(sums, Name, nameof(sums));
        _workers.Run(samples * blocks, new ColumnSumming(Data(x, Name, nameof(x)), partial, each, columns));
        for (int sample = 0; sample < samples; sample++)
            AddSamples(partial + (long)sample * blocks * columns, columns, blocks, columns, to + (long)sample * columns);
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
        ReversedPanels turning = new(_engine, weight.Values, weight.Packed, panels, packed, taps);
        _workers.Run(turning.Parts, turning);
        return panels;
    }

    // output [n, k] = dy^T x, x in blocks of rows so that its panels stay small; with taps, k is [taps, channels] and is written [channels, taps].
    private void WeightGradient<TSource>(TSource x, int group, long rows, int k, float* dy, long stride, int n, float* output, int taps = 1, bool add = false)
        where TSource : struct, IRowSource
    {
        int most = (int)Math.Clamp(GradientPanelFloats / Math.Max(k, 1) / 512 * 512, 512, 1 << 20);
        using TensorScope scope = Scope();
        float* panels = null;
        for (long start = 0; start < rows; start += most)
        {
            int count = (int)Math.Min(most, rows - start);
            PackedShape packed = new(1, k, count, _engine.VectorWidth);
            panels = panels is null ? Working(packed.Floats) : panels;
            SourcePanels<TSource> packing = new(_workers, x, group, start, panels, packed);
            _workers.Run(packing.Parts, packing);
            WeightGradientJob job = new()
            {
                Dy = dy + start * stride,
                DyStride = stride,
                Outputs = n,
                Panels = panels,
                Packed = packed,
                Samples = 1,
                Height = 1,
                Width = count,
                PaddedHeight = 1,
                PaddedWidth = count,
                Taps = 1,
                KernelWidth = 1,
            };
            WeightGradient(job, output, taps, add || start > 0);
        }

        if (rows == 0 && !add)
            new Span<float>(output, checked(n * k)).Clear();
    }

    // output [n, channels, kh, kw], of maps of which a copy with their edges is the right-hand side under every tap.
    private void WeightGradient(
        float* x, Shape shape, float* skip, int channels, in ConvGeometry geometry, int kh, int kw, float* dy, int n, int tall, int wide, float* output)
    {
        WeightGradientJob job = new()
        {
            Dy = dy,
            DyStride = n,
            Outputs = n,
            Samples = shape[0],
            Height = tall,
            Width = wide,
            PaddedHeight = tall + kh - 1,
            PaddedWidth = wide + kw - 1,
            Taps = kh * kw,
            KernelWidth = kw,
        };
        job.Packed = new PackedShape(1, channels, checked(job.Samples * job.PaddedHeight * job.PaddedWidth), _engine.VectorWidth);
        using TensorScope scope = Scope();
        if (kh * kw == 1 && skip is null && geometry is { PadTop: 0, PadLeft: 0, UpsampleHeight: 0, UpsampleWidth: 0 } && (shape[1], shape[2]) == (tall, wide))
        {
            job.Rows = x;
            WeightGradient(job, output, 1, add: false);
            return;
        }

        job.Panels = Working(job.Packed.Floats);
        PaddedPanels packing = new(x, shape, skip, geometry, job);
        _workers.Run(packing.Parts, packing);
        WeightGradient(job, output, kh * kw, add: false);
    }

    private void WeightGradient(WeightGradientJob job, float* output, int taps, bool add)
    {
        if (job.Samples == 0 || job.Length <= 0) // sums of nothing
        {
            if (!add && !_counts)
                new Span<float>(output, checked(job.Outputs * job.Packed.Columns * job.Taps)).Clear();
            return;
        }

        using TensorScope scope = Scope();
        bool plain = job.IsPlain && taps == 1 && !add;
        job.Sums = plain && job.Slices == 1 ? output : Working(job.Slices * job.SliceFloats);
        _engine.SumPositions(_workers, job);
        if (plain)
        {
            PlainTotals sums = new(job.Sums, job.Slices, job.SliceFloats, output);
            if (job.Slices > 1)
                _workers.Run(sums.Parts, sums);
            return;
        }

        WeightGradientTotals totals = new(_workers, job, output, taps, add);
        _workers.Run(totals.Parts, totals);
    }

    // Rows and columns apart by the stride, zeros between them.
    private Tensor Spread(Tensor dy, int stride)
    {
        (int batch, int height, int width, int columns) = (dy.Shape[0], dy.Shape[1], dy.Shape[2], dy.Shape[3]);
        Shape shape = [batch, (height - 1) * stride + 1, (width - 1) * stride + 1, columns];
        Tensor result = Allocate(shape);
        _workers.Run(batch * shape[1], new Spreading(Data(dy, nameof(Spread), nameof(dy)), Data(result, nameof(Spread), nameof(result)), height, width, columns, stride));
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
