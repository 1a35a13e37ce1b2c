using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    /// <inheritdoc/>
    public Tensor Conv2d(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, Tensor skip = default)
    {
        Shape shape = ResultShape.Conv2d(x, weight, geometry, epilogue, skip); // [B, H', W', N]
        if (geometry.PadTop < 0 || geometry.PadLeft < 0 || geometry.PadBottom < 0 || geometry.PadRight < 0)
            throw new ShapeException($"Conv2d: padding {geometry.PadTop}, {geometry.PadLeft}, {geometry.PadBottom}, {geometry.PadRight} must not be negative.");
        float* data = Data(x, nameof(Conv2d), nameof(x));
        float* skipData = DataOrNull(skip, nameof(Conv2d), nameof(skip));
        CpuWeight own = Own(weight, WeightRole.Conv2d, nameof(Conv2d), nameof(weight));
        int skipChannels = skip.IsEmpty ? 0 : skip.Shape[3];
        int kernelWidth = own.Shape[3];
        (int height, int width) = (shape[1], shape[2]);
        TileEpilogue tile = Resolve(epilogue, shape, shape[3], nameof(Conv2d));
        Tensor y = Allocate(shape);
        if (WinogradJob.FormOf(_exact, x.Shape, skipChannels, own.Shape, geometry, height, width, _engine.VectorWidth, plain: false) is WinogradForm form)
        {
            bool phases = form == WinogradForm.Phases;
            Winograd(new WinogradJob
            {
                X = data,
                Skip = skipData,
                Channels = x.Shape[3],
                SkipChannels = skipChannels,
                SourceHeight = x.Shape[1],
                SourceWidth = x.Shape[2],
                Height = phases ? x.Shape[1] : height,
                Width = phases ? x.Shape[2] : width,
                Form = form,
                Weight = own.Values,
                Packed = own.Packed,
                Output = Data(y, nameof(Conv2d), nameof(y)),
                Epilogue = tile,
            }, shape[0]);
            return y;
        }

        GemmProblem problem = new()
        {
            Rows = RowsOf(shape),
            Packed = own.Packed,
            Output = Data(y, nameof(Conv2d), nameof(y)),
            OutputStride = shape[3],
            Epilogue = tile,
        };
        if (Doubling.Suits(x.Shape, own.Shape, geometry))
        {
            problem.Rows = RowsOf(x.Shape);
            problem.DoubledWidth = x.Shape[2];
            Doubled(own, problem, new ConvWindows(data, x.Shape, skipData, skipChannels, new(stride: 1, padding: 1), kernelWidth: 2, x.Shape[1], x.Shape[2], phases: true));
            return y;
        }

        if (skip.IsEmpty && NarrowConv.Suits(x.Shape, own.Shape, geometry))
        {
            NarrowConv narrow = new()
            {
                SourceHeight = x.Shape[1],
                SourceWidth = x.Shape[2],
                Top = geometry.PadTop,
                Left = geometry.PadLeft,
                Height = height,
                Width = width,
                Columns = shape[3],
                Output = problem.Output,
                Epilogue = tile,
            };
            Narrow(narrow, own, data, shape[0]);
            return y;
        }

        if (skip.IsEmpty && own.Type == DType.F32 && geometry is { Stride: 1, UpsampleHeight: 0, UpsampleWidth: 0 }
            && PixelConv.Suits(x.Shape[3], own.Shape[0], own.Shape[2], kernelWidth, width))
        {
            _engine.Multiply(_workers, new PixelConv
            {
                X = data,
                Channels = x.Shape[3],
                Samples = shape[0],
                SourceHeight = x.Shape[1],
                SourceWidth = x.Shape[2],
                Top = geometry.PadTop,
                Left = geometry.PadLeft,
                Height = height,
                Width = width,
                Weight = own.Data,
                Packed = own.Packed,
                Output = problem.Output,
                Epilogue = tile,
            });
            return y;
        }

        using TensorScope scope = Scope();
        problem.Weight = Widened(own, problem.Rows);

        // A 1x1 window that takes each pixel once is a plain matrix.
        bool plain = own.Shape[2] * kernelWidth == 1 && skip.IsEmpty && geometry is { Stride: 1, UpsampleHeight: 0, UpsampleWidth: 0 }
            && (height, width) == (x.Shape[1], x.Shape[2]);
        if (plain)
            _engine.Multiply(_workers, problem, new MatrixRows(data, x.Shape[3], 0));
        else
            _engine.Multiply(_workers, problem, new ConvWindows(data, x.Shape, skipData, skipChannels, geometry, kernelWidth, height, width));
        return y;
    }
}
