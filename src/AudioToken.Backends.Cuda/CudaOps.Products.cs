using AudioToken.Backends.Cuda.Driver;
using AudioToken.Backends.Cuda.Memory;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

public sealed unsafe partial class CudaOps
{
    /// <inheritdoc/>
    public Tensor Linear(Tensor x, Weight weight, in Epilogue epilogue)
    {
        Shape shape = ResultShape.Linear(x, weight, epilogue);
        CudaWeight own = Own(weight, WeightRole.Linear, nameof(Linear), nameof(weight));
        using TensorScope scope = Scope();
        ulong rows = Operand(x, _storage, nameof(Linear), nameof(x));
        int depth = own.Rows.Depth;
        ProductPlan plan = PlanOf(RowsOf(shape), weight.Shape[0], depth, depth % 8 == 0 && rows % 16 == 0);
        Tensor y = AllocateResult(shape, epilogue, plan.Tile);
        KernelArguments arguments = default;
        arguments.Add(rows).Add(Columns(own)).Add(Resolve(epilogue, y, weight.Shape[0], nameof(Linear)));
        LaunchProduct("linear", plan, RowsOf(shape), weight.Shape[0], ref arguments, 1);
        return scope.Keep(y);
    }

    /// <inheritdoc/>
    public Tensor Conv2d(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, Tensor skip = default) =>
        Conv2d(ResultShape.Conv2d(x, weight, geometry, epilogue, skip), x, weight, geometry, epilogue, skip, null);

    /// <inheritdoc/>
    public Tensor Conv2dWithShortcut(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, in Shortcut shortcut) =>
        Conv2d(ResultShape.Conv2dWithShortcut(x, weight, geometry, epilogue, shortcut), x, weight, geometry, epilogue, default, shortcut);

    private Tensor Conv2d(Shape shape, Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, Tensor skip, Shortcut? shortcut)
    {
        CudaWeight own = Own(weight, WeightRole.Conv2d, nameof(Conv2d), nameof(weight));
        using TensorScope scope = Scope();
        ulong source = Operand(x, _storage, nameof(Conv2d), nameof(x)), second = OperandOrNull(skip, nameof(Conv2d), nameof(skip));
        (int channels, int skipChannels) = (x.Shape[3], skip.IsEmpty ? 0 : skip.Shape[3]);
        _ = Counted(x.Shape.Rows, "pixels of x");
        bool phases = own.Phases is not null && IsDoubling(x.Shape, geometry);
        (int products, ProductColumns columns) = phases ? (Phases, PhaseColumns(own)) : (1, Columns(own));
        ConvWindow window = phases
            ? Window(x.Shape, skipChannels, kernelWidth: 2, new ConvGeometry(stride: 1, padding: 1), x.Shape[1], x.Shape[2])
            : Window(x.Shape, skipChannels, weight.Shape[3], geometry, shape[1], shape[2]);
        bool doubled = (window.Tall == window.Height || window.Tall == 2 * window.Height) && (window.Wide == window.Width || window.Wide == 2 * window.Width);
        ShortcutSources around = shortcut is { } given ? Sources(given) : default;
        JoinedColumns joined = JoinedColumns.Of(columns, shortcut is null ? default : Columns(Own(shortcut.Value.Weight, WeightRole.Conv2d, nameof(Conv2dWithShortcut), "the shortcut's weight")));
        bool packed = doubled && (channels | skipChannels | around.Channels | around.SkipChannels) % 8 == 0 && (source | second | around.X | around.Skip) % 16 == 0;
        int rows = RowsOf(shape) / products;
        ProductPlan plan = PlanOf(rows, shape[3], joined.Depth, packed, products);
        Tensor y = AllocateResult(shape, epilogue, plan.Tile, products);
        ProductEpilogue finish = Resolve(epilogue, y, shape[3], nameof(Conv2d));
        if (phases)
            (finish.Rows, finish.RowsPerSample, finish.DoubledWidth) = (rows, Math.Max(1, finish.RowsPerSample / products), x.Shape[2]);
        if (shortcut?.Bias is { } bias)
            finish.MoreBias = Own(bias, WeightRole.Vector, nameof(Conv2dWithShortcut), "the shortcut's bias").Address;
        KernelArguments arguments = default;
        arguments.Add(source).Add(second).Add(window).Add(around).Add(joined).Add(finish);
        LaunchProduct("conv2d", plan, rows, shape[3], ref arguments, products);
        return scope.Keep(y);
    }

    /// <inheritdoc/>
    public Tensor GroupedConv1d(Tensor x, Weight weight, int groups, int padding, in Epilogue epilogue)
    {
        Shape shape = ResultShape.GroupedConv1d(x, weight, groups, padding, epilogue);
        CudaWeight own = Own(weight, WeightRole.GroupedConv1d, nameof(GroupedConv1d), nameof(weight));
        (int length, int channels, int width) = (shape[1], shape[2], shape[2] / groups);
        using TensorScope scope = Scope();
        Tensor y = Allocate(shape, _storage);
        ulong source = Operand(x, _storage, nameof(GroupedConv1d), nameof(x));
        ProductEpilogue finish = Resolve(epilogue, y, channels, nameof(GroupedConv1d));
        KernelArguments arguments = default;
        arguments.Add(source).Add(Columns(own)).Add(finish).Add(length).Add(channels).Add(padding);
        ProductTile tile = ProductTile.Narrow(_storage, width % 8 == 0 && source % 16 == 0);
        Grid grid = tile.Grid(finish.Rows, width) with { Z = groups };
        Launch(Kernel("grouped_conv1d", _storage, tile.Form), grid, tile.Threads, tile.SharedBytes, ref arguments);
        return scope.Keep(y);
    }

    /// <summary>Overrides the plan of products that it returns one for, given rows, columns, depth and products. For measurements.</summary>
    internal Func<int, int, int, int, ProductPlan?>? PlanOverride { get; set; }

    /// <summary>The tiles that suit a product.</summary>
    private ProductPlan PlanOf(int rows, int columns, int depth, bool packed, int products = 1)
    {
        ProductPlan? chosen = packed && _storage != DType.F32 ? PlanOverride?.Invoke(rows, columns, depth, products) : null;
        return chosen ?? _plans.For(_storage, rows, columns, depth, packed, products);
    }

    /// <summary>Launches a product in the tiles that suit it.</summary>
    private void LaunchProduct(string operation, int rows, int columns, int depth, bool packed, ref KernelArguments arguments, int products = 1) =>
        LaunchProduct(operation, PlanOf(rows, columns, depth, packed, products), rows, columns, ref arguments, products);

    /// <summary>Launches a product, the last of whose arguments is added here: how sums are split.</summary>
    private void LaunchProduct(string operation, ProductPlan plan, int rows, int columns, ref KernelArguments arguments, int products)
    {
        if (_storage != DType.F32)
            arguments.Add(_sumParts.Of(plan.Parts));
        Launch(Kernel(operation, _storage, plan.Tile.Form), plan.Grid(rows, columns, products), plan.Tile.Threads, plan.Tile.SharedBytes, ref arguments);
    }

    /// <summary>Takes the addresses of an epilogue's operands, whose shapes have been checked.</summary>
    private ProductEpilogue Resolve(in Epilogue epilogue, in Tensor result, int columns, string operation)
    {
        Shape shape = result.Shape;
        int rows = RowsOf(shape, operation);
        ResultMoments? told = ((DeviceBlock)result.Storage).Moments;
        bool shared = epilogue.ChannelShift.IsEmpty || epilogue.ChannelShift.Shape[0] == 1;
        return new ProductEpilogue
        {
            Result = AddressOf(result),
            Bias = epilogue.Bias is null ? 0 : Own(epilogue.Bias, WeightRole.Vector, operation, "bias").Address,
            Shift = OperandOrNull(epilogue.ChannelShift, operation, "channel shift"),
            Residual = OperandOrNull(epilogue.Residual, operation, "residual"),
            Rows = rows,
            Columns = columns,
            ResultStride = shape[^1],
            RowsPerSample = Math.Max(1, rows / Math.Max(1, shape.Rank > 1 ? shape[0] : 1)),
            ShiftStride = shared ? 0 : columns,
            Activation = (int)epilogue.Activation,
            Scale = epilogue.EffectiveScale,
            ResidualScale = epilogue.EffectiveResidualScale,
            MomentRows = told?.Tile ?? 0,
            Phase = 0, // the kernel's own
            Moments = told?.Address ?? 0,
        };
    }

    private ProductColumns Columns(CudaWeight weight) => new() { Address = Rows(weight), Stride = weight.Rows.Stride, Depth = weight.Rows.Depth };

    /// <summary>Where a shortcut finds its pixels.</summary>
    private ShortcutSources Sources(in Shortcut shortcut) => new()
    {
        X = Operand(shortcut.X, _storage, nameof(Conv2dWithShortcut), "the shortcut's x"),
        Skip = OperandOrNull(shortcut.Skip, nameof(Conv2dWithShortcut), "the shortcut's skip"),
        Channels = shortcut.X.Shape[3],
        SkipChannels = shortcut.Skip.IsEmpty ? 0 : shortcut.Skip.Shape[3],
    };

    /// <summary>Where windows lie in an input [B, H, W, C].</summary>
    private static ConvWindow Window(Shape input, int skipChannels, int kernelWidth, in ConvGeometry geometry, int outHeight, int outWidth) => new()
    {
        Height = input[1],
        Width = input[2],
        Tall = geometry.UpsampleHeight > 0 ? geometry.UpsampleHeight : input[1],
        Wide = geometry.UpsampleWidth > 0 ? geometry.UpsampleWidth : input[2],
        OutHeight = outHeight,
        OutWidth = outWidth,
        KernelWidth = kernelWidth,
        Stride = geometry.Stride,
        Top = geometry.PadTop,
        Left = geometry.PadLeft,
        Channels = input[3],
        SkipChannels = skipChannels,
    };

    // As Columns in common/product.cuh.
    private struct ProductColumns
    {
        public ulong Address;
        public int Stride;
        public int Depth;
    }

    // As Shortcut in conv2d.cu.
    private struct ShortcutSources
    {
        public ulong X;
        public ulong Skip;
        public int Channels;
        public int SkipChannels;
    }

    // As JoinedColumns in conv2d.cu.
    private struct JoinedColumns
    {
        public ProductColumns First;
        public ProductColumns Second;
        public int Start;
        public int Depth;

        // Of one weight alone where there is no second.
        public static JoinedColumns Of(ProductColumns first, ProductColumns second = default) => second.Depth == 0
            ? new() { First = first, Start = int.MaxValue, Depth = first.Depth }
            : new() { First = first, Second = second, Start = first.Stride, Depth = checked(first.Stride + second.Depth) };
    }

    // As Epilogue in common/epilogue.cuh.
    private struct ProductEpilogue
    {
        public ulong Result;
        public ulong Bias;
        public ulong MoreBias;
        public ulong Shift;
        public ulong Residual;
        public int Rows;
        public int Columns;
        public int ResultStride;
        public int RowsPerSample;
        public int ShiftStride;
        public int Activation;
        public float Scale;
        public float ResidualScale;
        public int MomentRows;
        public int DoubledWidth;
        public long Phase; // an int, and the padding behind it: launches are compared to the byte
        public ulong Moments;
    }

    // As ConvGeometry in common/window.cuh.
    private struct ConvWindow
    {
        public int Height;
        public int Width;
        public int Tall;
        public int Wide;
        public int OutHeight;
        public int OutWidth;
        public int KernelWidth;
        public int Stride;
        public int Top;
        public int Left;
        public int Channels;
        public int SkipChannels;
    }
}
