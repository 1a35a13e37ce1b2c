using System.Runtime.CompilerServices;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

// Gradients of matrix products and convolutions: again products, by the same kernels.
public sealed unsafe partial class CudaOps : IGradientOps
{
    /// <inheritdoc/>
    public Tensor LinearInputGradient(Tensor dy, Weight weight)
    {
        const string Name = nameof(LinearInputGradient);
        CudaWeight own = Own(weight, WeightRole.Linear, Name, nameof(weight));
        (int n, int k) = (own.Shape[0], own.Shape[1]);
        WantColumns(dy, n, Name);
        using TensorScope scope = Scope();
        Tensor dx = Allocate(dy.Shape.WithLast(k), _storage);
        ulong source = Operand(dy, _storage, Name, nameof(dy));
        ProductEpilogue finish = Plain(AddressOf(dx), RowsOf(dy.Shape), k);
        KernelArguments arguments = default;
        arguments.Add(source).Add(Turn(Rows(own), own.Rows.Stride, 1, 1, n, k)).Add(finish);
        LaunchProduct("linear", finish.Rows, k, n, n % 8 == 0 && source % 16 == 0, ref arguments);
        return scope.Keep(dx);
    }

    /// <inheritdoc/>
    /// <remarks>In the storage type, like the gradients by all weights that are multiplied with.</remarks>
    public Tensor LinearWeightGradient(Tensor x, Tensor dy)
    {
        const string Name = nameof(LinearWeightGradient);
        (int k, int n, int rows) = (x.Shape[^1], dy.Shape[^1], RowsOf(x.Shape));
        if (rows != RowsOf(dy.Shape))
            throw new ShapeException($"{Name}: x is {x.Shape}, dy {dy.Shape}; they have as many rows.");
        ConvWindow pixels = Window([rows, 1, 1, k], 0, 1, new ConvGeometry(1, 0), 1, 1);
        return WeightGradient(x, default, dy, pixels, 1, 1, [n, k], Name);
    }

    /// <inheritdoc/>
    public Tensor Conv2dInputGradient(Tensor dy, Weight weight, in ConvGeometry geometry, int height, int width)
    {
        const string Name = nameof(Conv2dInputGradient);
        CudaWeight own = Own(weight, WeightRole.Conv2d, Name, nameof(weight));
        (int n, int channels, int kh, int kw) = (own.Shape[0], own.Shape[1], own.Shape[2], own.Shape[3]);
        WantConvOutput(dy, geometry, height, width, own, Name);
        (int batch, bool enlarged) = (dy.Shape[0], geometry.UpsampleHeight > 0);
        (int tall, int wide) = enlarged ? (geometry.UpsampleHeight, geometry.UpsampleWidth) : (height, width);
        using TensorScope scope = Scope();
        Tensor dx = Allocate([batch, height, width, channels], _storage);
        Tensor whole = enlarged ? Allocate([batch, tall, wide, channels], _storage) : dx;
        (ulong source, Shape shape) = (Operand(dy, _storage, Name, nameof(dy)), dy.Shape);
        if (geometry.Stride > 1)
            (source, shape) = Spread(source, shape, geometry.Stride);
        ConvGeometry back = new() { Stride = 1, PadTop = kh - 1 - geometry.PadTop, PadLeft = kw - 1 - geometry.PadLeft };
        ProductEpilogue finish = Plain(AddressOf(whole), RowsOf(whole.Shape), channels);
        ProductColumns turned = Turn(Rows(own), own.Rows.Stride, 1, kh * kw, n, channels);
        KernelArguments arguments = default;
        arguments.Add(source).Add(0UL).Add(Window(shape, 0, kw, back, tall, wide)).Add(default(ShortcutSources)).Add(JoinedColumns.Of(turned)).Add(finish);
        LaunchProduct("conv2d", finish.Rows, channels, kh * kw * n, n % 8 == 0 && source % 16 == 0, ref arguments);
        if (enlarged)
        {
            arguments = default;
            arguments.Add(AddressOf(dx)).Add(AddressOf(whole)).Add((ulong)dx.Shape.Count).Add(height).Add(width).Add(tall).Add(wide).Add(channels);
            LaunchElements(Kernel("shrink", _storage), dx.Shape.Count, ref arguments);
        }

        return scope.Keep(dx);
    }

    /// <inheritdoc/>
    public Tensor Conv2dWeightGradient(Tensor x, Tensor dy, Weight weight, in ConvGeometry geometry, Tensor skip = default)
    {
        const string Name = nameof(Conv2dWeightGradient);
        CudaWeight own = Own(weight, WeightRole.Conv2d, Name, nameof(weight));
        WantConvOutput(dy, geometry, x.Shape[1], x.Shape[2], own, Name);
        int skipChannels = skip.IsEmpty ? 0 : skip.Shape[3];
        if (x.Shape[3] + skipChannels != own.Shape[1])
            throw new ShapeException($"{Name}: the input has {x.Shape[3] + skipChannels} channels, {own.Name} is {own.Shape}.");
        ConvWindow window = Window(x.Shape, skipChannels, own.Shape[3], geometry, dy.Shape[1], dy.Shape[2]);
        return WeightGradient(x, skip, dy, window, own.Shape[2] * own.Shape[3], 1, own.Shape, Name);
    }

    /// <inheritdoc/>
    public Tensor GroupedConv1dInputGradient(Tensor dy, Weight weight, int groups, int padding)
    {
        const string Name = nameof(GroupedConv1dInputGradient);
        CudaWeight own = Own(weight, WeightRole.GroupedConv1d, Name, nameof(weight));
        (int channels, int width, int taps) = (own.Shape[0], own.Shape[1], own.Shape[2]);
        WantColumns(dy, channels, Name);
        using TensorScope scope = Scope();
        Tensor dx = Allocate(dy.Shape, _storage);
        ulong source = Operand(dy, _storage, Name, nameof(dy));
        ProductEpilogue finish = Plain(AddressOf(dx), RowsOf(dy.Shape), channels);
        KernelArguments arguments = default;
        arguments.Add(source).Add(Turn(Rows(own), own.Rows.Stride, groups, taps, width, width)).Add(finish).Add(dy.Shape[1]).Add(channels).Add(taps - 1 - padding);
        ProductTile tile = ProductTile.Narrow(_storage, width % 8 == 0 && source % 16 == 0);
        Grid grid = tile.Grid(finish.Rows, width) with { Z = groups };
        Launch(Kernel("grouped_conv1d", _storage, tile.Form), grid, tile.Threads, tile.SharedBytes, ref arguments);
        return scope.Keep(dx);
    }

    /// <inheritdoc/>
    public Tensor GroupedConv1dWeightGradient(Tensor x, Tensor dy, Weight weight, int groups, int padding)
    {
        const string Name = nameof(GroupedConv1dWeightGradient);
        CudaWeight own = Own(weight, WeightRole.GroupedConv1d, Name, nameof(weight));
        WantColumns(x, own.Shape[0], Name);
        WantColumns(dy, own.Shape[0], Name);
        (int batch, int length, int channels) = (x.Shape[0], x.Shape[1], x.Shape[2]);
        ConvWindow window = Window([batch, length, 1, channels], 0, 1, new ConvGeometry { Stride = 1, PadTop = padding }, length, 1);
        return WeightGradient(x, default, dy, window, own.Shape[2], groups, own.Shape, Name);
    }

    /// <inheritdoc/>
    public void Assign(Weight weight, ReadOnlySpan<float> values)
    {
        ArgumentNullException.ThrowIfNull(weight);
        CudaWeight own = Own(weight, weight.Role, nameof(Assign), nameof(weight));
        if (values.Length != own.Shape.Count)
            throw new ShapeException($"Assign: {values.Length} values for '{own.Name}' {own.Shape}.");
        if (values.IsEmpty)
            return;
        Enter();
        Part(own);
        ArrayWeightSource source = new(own.Name, own.Shape, values.ToArray());
        if (own.Phases is { } phases)
            SendPhases(source, phases, own.Kept);
        if (own.Phases is null || own.HasRows)
            Send(source, own.Rows, TapsOf(own));
    }

    // [outputs, inputs and taps] in the order of the file. Any number of positions is added in one block, in their order.
    private Tensor WeightGradient(Tensor x, Tensor skip, Tensor dy, in ConvWindow window, int taps, int groups, Shape shape, string operation)
    {
        (int n, int width, int positions) = (shape[0] / groups, (window.Channels + window.SkipChannels) / groups, RowsOf(dy.Shape));
        using TensorScope scope = Scope();
        Tensor dw = Allocate(shape, _storage), sums = Allocate([groups, taps * width, n], _storage);
        ulong source = Operand(x, _storage, operation, nameof(x)), second = OperandOrNull(skip, operation, nameof(skip));
        ProductColumns turned = Turn(Operand(dy, _storage, operation, nameof(dy)), shape[0], 1, 1, positions, shape[0]);
        KernelArguments arguments = default;
        arguments.Add(source).Add(second).Add(window).Add(turned).Add(Plain(AddressOf(sums), taps * width, n));
        ProductTile tile = ProductTile.Narrow(_storage, packed: false);
        Launch(Kernel("weight_gradient", _storage), tile.Grid(taps * width, n) with { Z = groups }, tile.Threads, tile.SharedBytes, ref arguments);
        arguments = default;
        arguments.Add(AddressOf(dw)).Add(AddressOf(sums)).Add((ulong)shape.Count).Add(taps).Add(width).Add(n);
        LaunchElements(Kernel("file_order", _storage), shape.Count, ref arguments);
        return scope.Keep(dw);
    }

    // Rows of [groups * n, taps * c] turned round to [groups * c, taps * n]; the open scope owns them.
    private ProductColumns Turn(ulong address, int stride, int groups, int taps, int n, int c, [CallerMemberName] string operation = "")
    {
        int depth = checked(taps * n), padded = checked((depth + 7) / 8 * 8);
        RequireReach(c, padded, operation);
        Tensor turned = Allocate([groups * c, padded], _storage);
        KernelArguments arguments = default;
        arguments.Add(AddressOf(turned)).Add(address).Add(taps).Add(n).Add(c).Add(stride).Add(padded);
        Launch(Kernel("turn_weight", _storage), new Grid(Blocks(n + 7L, 32), Blocks(c, 32), groups * taps), 256, 0, ref arguments);
        return new ProductColumns { Address = AddressOf(turned), Stride = padded, Depth = depth };
    }

    // Rows and columns apart by the stride, zeros between them; the open scope owns the result.
    private (ulong Address, Shape Shape) Spread(ulong dy, Shape shape, int stride)
    {
        Tensor result = Allocate([shape[0], ((shape[1] - 1) * stride) + 1, ((shape[2] - 1) * stride) + 1, shape[3]], _storage);
        KernelArguments arguments = default;
        arguments.Add(AddressOf(result)).Add(dy).Add((ulong)result.Shape.Count).Add(shape[1]).Add(shape[2]).Add(shape[3]).Add(stride);
        LaunchElements(Kernel("spread", _storage), result.Shape.Count, ref arguments);
        return (AddressOf(result), result.Shape);
    }

    private static ProductEpilogue Plain(ulong result, int rows, int columns) => new()
    {
        Result = result,
        Rows = rows,
        Columns = columns,
        ResultStride = columns,
        RowsPerSample = Math.Max(1, rows),
        Scale = 1,
        ResidualScale = 1,
    };

    private static void WantConvOutput(Tensor dy, in ConvGeometry geometry, int height, int width, CudaWeight weight, string operation)
    {
        (int h, int w) = geometry.OutputSize(height, width, weight.Shape[2], weight.Shape[3]);
        if (dy.Shape != new Shape(dy.Shape[0], h, w, weight.Shape[0]))
            throw new ShapeException($"{operation}: dy is {dy.Shape}, wanted [{dy.Shape[0]}, {h}, {w}, {weight.Shape[0]}].");
    }

    private static void WantColumns(Tensor tensor, int wanted, string operation)
    {
        if (tensor.IsEmpty || tensor.Shape.Rank < 1 || tensor.Shape[^1] != wanted)
            throw new ShapeException($"{operation}: found {tensor}, wanted [..., {wanted}].");
    }
}
