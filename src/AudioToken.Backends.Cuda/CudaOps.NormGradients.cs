using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

// Sums over rows: gradients of biases and norms. Those are fp32, whatever the storage type: long sums leave the range of half types.
public sealed unsafe partial class CudaOps
{
    private const int TotalColumns = 32; // of a block, as in common/totals.cuh

    /// <inheritdoc/>
    public Tensor ColumnSums(Tensor x, int samples)
    {
        int rows = RowsOf(x.Shape);
        if (samples < 1 || rows % samples != 0)
            throw new ShapeException($"{nameof(ColumnSums)}: {samples} samples do not divide the rows of {x.Shape}.");
        Tensor sums = Allocate([samples, x.Shape[^1]], DType.F32);
        AddRows(sums, Own(x, nameof(ColumnSums), nameof(x)), x.DType, rows / samples, x.Shape[^1]);
        return sums;
    }

    /// <inheritdoc/>
    public NormGradients LayerNormGradients(Tensor x, Weight gamma, float epsilon, Tensor dy)
    {
        const string File = "layer_norm_gradient", Name = nameof(LayerNormGradients);
        Shape shape = ResultShape.LayerNorm(x, gamma, gamma);
        WantCount(dy, shape, Name);
        (int rows, int columns) = (RowsOf(shape), shape[^1]);
        using TensorScope scope = Scope();
        NormGradients gradients = new(Allocate(shape, _storage), Allocate(gamma.Shape, DType.F32), Allocate(gamma.Shape, DType.F32));
        ulong statistics = AddressOf(Allocate([rows, 2], DType.F32));
        ulong input = Operand(x, _storage, Name, nameof(x)), upstream = Operand(dy, _storage, Name, nameof(dy));
        KernelArguments arguments = default;
        arguments.Add(AddressOf(gradients.X))
            .Add(statistics)
            .Add(input)
            .Add(Own(gamma, WeightRole.Vector, Name, nameof(gamma)).Address)
            .Add(upstream)
            .Add(rows)
            .Add(columns)
            .Add(epsilon);
        Launch(Kernel(File, "layer_norm_gradient", _storage, ""), new Grid(Blocks(rows, WarpsOfRows)), 32 * WarpsOfRows, 0, ref arguments);
        arguments = default;
        arguments.Add(AddressOf(gradients.Gamma)).Add(AddressOf(gradients.Beta)).Add(statistics).Add(input).Add(upstream).Add(rows).Add(columns);
        Launch(Kernel(File, "layer_norm_totals", _storage, ""), new Grid(Blocks(columns, TotalColumns)), TotalsBlock(rows), 0, ref arguments);
        return Keep(scope, gradients);
    }

    /// <inheritdoc/>
    public NormGradients GroupNormGradients(
        Tensor x, Weight gamma, Weight beta, int groups, float epsilon, Tensor dy, Activation activation = Activation.None, Tensor skip = default)
    {
        const string File = "group_norm_gradient", Name = nameof(GroupNormGradients);
        Shape shape = ResultShape.GroupNorm(x, gamma, beta, groups, activation, skip);
        WantCount(dy, shape, Name);
        (int batch, int channels) = (shape[0], shape[^1]);
        int positions = batch == 0 ? 0 : RowsOf(shape) / batch;
        int count = Counted((long)(channels / groups) * positions, "elements of a group");
        using TensorScope scope = Scope();
        NormGradients gradients = new(Allocate(shape, _storage), Allocate(gamma.Shape, DType.F32), Allocate(beta.Shape, DType.F32));
        ulong totals = AddressOf(Allocate([batch, 2, channels], DType.F32));
        NormOperands operands = new()
        {
            X = Operand(x, _storage, Name, nameof(x)),
            Skip = OperandOrNull(skip, Name, nameof(skip)),
            Dy = Operand(dy, _storage, Name, nameof(dy)),
            Gamma = Own(gamma, WeightRole.Vector, Name, nameof(gamma)).Address,
            Beta = Own(beta, WeightRole.Vector, Name, nameof(beta)).Address,
            Statistics = AddressOf(Allocate([batch, groups, 2], DType.F32)),
            Totals = totals,
            Positions = positions,
            Channels = x.Shape[^1],
            SkipChannels = skip.IsEmpty ? 0 : skip.Shape[^1],
            Groups = groups,
            Activation = (int)activation,
            Epsilon = epsilon,
        };
        int block = count >= 8192 ? 1024 : count >= 1024 ? 256 : 64;
        Grid byGroup = new(positions == 0 ? 0 : groups, batch);
        KernelArguments arguments = default;
        arguments.Add(operands);
        Launch(Kernel(File, "group_norm_statistics", _storage, ""), byGroup, block, 0, ref arguments);
        arguments = default;
        arguments.Add(operands);
        Launch(Kernel(File, "group_norm_totals", _storage, ""), new Grid(Blocks(channels, TotalColumns), batch), TotalsBlock(positions), 0, ref arguments);
        arguments = default;
        arguments.Add(AddressOf(gradients.X)).Add(operands);
        Launch(Kernel(File, "group_norm_gradient", _storage, ""), byGroup, block, 0, ref arguments);
        AddRows(gradients.Beta, totals, DType.F32, batch, channels, 2 * channels);
        AddRows(gradients.Gamma, totals + ((ulong)channels * sizeof(float)), DType.F32, batch, channels, 2 * channels);
        return Keep(scope, gradients);
    }

    // Adds the first columns of rows that lie `stride` elements apart; sums has a row a sample.
    private void AddRows(in Tensor sums, ulong rows, DType dtype, int count, int columns, int? stride = null)
    {
        KernelArguments arguments = default;
        arguments.Add(AddressOf(sums)).Add(rows).Add(count).Add(columns).Add(stride ?? columns);
        int samples = columns == 0 ? 0 : checked((int)(sums.Shape.Count / columns));
        Launch(Kernel("column_sums", dtype), new Grid(Blocks(columns, TotalColumns), samples), TotalsBlock(count), 0, ref arguments);
    }

    private static int TotalsBlock(int rows) => rows >= 1024 ? 1024 : rows >= 64 ? 256 : 64;

    private static NormGradients Keep(TensorScope scope, in NormGradients gradients) =>
        new(scope.Keep(gradients.X), scope.Keep(gradients.Gamma), scope.Keep(gradients.Beta));

    private static void WantCount(Tensor dy, Shape shape, string operation)
    {
        if (dy.IsEmpty || dy.Shape.Count != shape.Count)
            throw new ShapeException($"{operation}: dy is {dy}, wanted {shape}.");
    }

    // As Norm in group_norm_gradient.cu.
    private struct NormOperands
    {
        public ulong X;
        public ulong Skip;
        public ulong Dy;
        public ulong Gamma;
        public ulong Beta;
        public ulong Statistics;
        public ulong Totals;
        public int Positions;
        public int Channels;
        public int SkipChannels;
        public int Groups;
        public int Activation;
        public float Epsilon;
    }
}
