using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    /// <inheritdoc/>
    public Tensor Conv2d(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, Tensor skip = default)
    {
        float* data = Data(x, nameof(Conv2d), nameof(x));
        float* skipData = DataOrNull(skip, nameof(Conv2d), nameof(skip));
        CpuWeight own = Own(weight, WeightRole.Conv2d, nameof(Conv2d), nameof(weight));
        if (x.Shape.Rank != 4)
            throw new ShapeException($"Conv2d: x is {x.Shape}, wanted [B, H, W, C].");
        int skipChannels = skip.IsEmpty ? 0 : skip.Shape[^1];
        if (!skip.IsEmpty && skip.Shape != x.Shape.WithLast(skipChannels))
            throw new ShapeException($"Conv2d: skip is {skip.Shape}, x {x.Shape}; all but the channels must agree.");
        if (x.Shape[3] + skipChannels != own.Shape[1])
            throw new ShapeException($"Conv2d: x {x.Shape} and skip give {x.Shape[3] + skipChannels} channels, but '{own.Name}' is {own.Shape}.");
        if (geometry.PadTop < 0 || geometry.PadLeft < 0 || geometry.PadBottom < 0 || geometry.PadRight < 0)
            throw new ShapeException($"Conv2d: padding {geometry.PadTop}, {geometry.PadLeft}, {geometry.PadBottom}, {geometry.PadRight} must not be negative.");

        int kernelHeight = own.Shape[2], kernelWidth = own.Shape[3];
        (int height, int width) = geometry.OutputSize(x.Shape[1], x.Shape[2], kernelHeight, kernelWidth);
        Shape shape = [x.Shape[0], height, width, own.Shape[0]];
        TileEpilogue tile = Resolve(epilogue, shape, own.Shape[0], nameof(Conv2d));
        Tensor y = Allocate(shape);
        GemmProblem problem = new()
        {
            Rows = RowsOf(shape),
            Weight = own.Data,
            Packed = own.Packed,
            Output = Data(y, nameof(Conv2d), nameof(y)),
            OutputStride = shape[3],
            Epilogue = tile,
        };

        // A 1x1 window that takes each pixel once is a plain matrix.
        bool plain = kernelHeight * kernelWidth == 1 && skip.IsEmpty && geometry is { Stride: 1, UpsampleHeight: 0, UpsampleWidth: 0 }
            && (height, width) == (x.Shape[1], x.Shape[2]);
        if (plain)
            _engine.Multiply(_workers, problem, new MatrixRows(data, x.Shape[3], 0));
        else
            _engine.Multiply(_workers, problem, new ConvWindows(data, x.Shape, skipData, skipChannels, geometry, kernelWidth, height, width));
        return y;
    }
}
