using System.Runtime.InteropServices;
using AudioToken.Bench;
using AudioToken.Tensors;

namespace AudioToken.Peers;

/// <summary>A backend that computes nothing and writes down what a model asks for as an ONNX graph, weights and all.</summary>
/// <remarks>Feature maps have their channels first, as ONNX wants them; they are turned where a sequence is made of one and back, as exporters' graphs do. What
/// depends on no input (BEATs' position bias, the embedding of a time) becomes a constant. An operation that is not here is refused.</remarks>
internal sealed class OnnxOps : DelegatingOps
{
    private const string WeightsFile = "weights";

    private readonly OnnxGraph _graph = new();
    private readonly FileStream _file;
    private readonly Dictionary<Weight, long> _places = [];
    private readonly Dictionary<Weight, float[]> _tables = [];
    private readonly Dictionary<(TensorStorage Storage, int Generation), Value> _values = [];
    private readonly Dictionary<(TensorStorage Storage, int Generation), int[]> _indices = [];
    private readonly Dictionary<(TensorStorage Storage, int Generation), float[]> _uploads = [];
    private readonly List<float[]> _inputs = [];

    private OnnxOps(string folder)
        : base(new ShapeOps()) => _file = File.Create(Path.Combine(folder, WeightsFile));

    /// <summary>The graph of one of our stages at full size, with what it is given. Its result has channels last.</summary>
    /// <param name="size">The size.</param>
    /// <param name="stage">The stage's name.</param>
    /// <param name="folder">Where the weights go: those of a UNet are more than the graph's own file can hold, 2 GB.</param>
    public static (OnnxModel Model, IReadOnlyList<float[]> Inputs) Export(SizedModel size, string stage, string folder)
    {
        using OnnxOps ops = new(folder);
        using TensorScope scope = ops.Scope();
        using Stages stages = new(ops, BenchModel.Synthetic(size));
        Tensor result = stages.Build(stage).Run(ops);
        Value value = ops.ChannelsLast(result);
        ops._graph.Output(value.Name, value.Shape);
        return (ops._graph.Build(), ops._inputs);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _file.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    public override Weight LoadWeight(WeightSource source, WeightRole role)
    {
        Weight weight = base.LoadWeight(source, role);
        float[] values = source.ReadAll();
        if (role == WeightRole.Table)
            _tables[weight] = values;
        _places[weight] = _file.Position;
        _file.Write(MemoryMarshal.AsBytes<float>(role == WeightRole.Linear ? Turned(values, weight.Shape[0], weight.Shape[1]) : values));
        return weight;
    }

    /// <inheritdoc/>
    public override Tensor Upload(ReadOnlySpan<float> values, Shape shape)
    {
        Tensor made = base.Upload(values, shape);
        _uploads[Key(made)] = values.ToArray();
        return made;
    }

    /// <inheritdoc/>
    public override Tensor Upload(ReadOnlySpan<int> values, Shape shape)
    {
        Tensor made = base.Upload(values, shape);
        _indices[Key(made)] = values.ToArray();
        return made;
    }

    /// <inheritdoc/>
    public override Tensor Linear(Tensor x, Weight weight, in Epilogue epilogue)
    {
        Tensor result = Inner.Linear(x, weight, epilogue);
        string y = _graph.Node("MatMul", [ChannelsLast(x).Name, Place(weight, weight.Shape[1], weight.Shape[0])]);
        string? bias = epilogue.Bias is null ? null : Constant(epilogue.Bias);
        return Finish(result, _graph.Activated(y, bias, epilogue.Activation, weight.Shape[0]), epilogue, first: false);
    }

    /// <inheritdoc/>
    public override Tensor Conv2d(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, Tensor skip = default)
    {
        Tensor result = Inner.Conv2d(x, weight, geometry, epilogue, skip);
        string map = ChannelsFirst(x).Name;
        if (!skip.IsEmpty)
            map = _graph.Node("Concat", [map, ChannelsFirst(skip).Name], OnnxGraph.Integer("axis", 1));
        if (geometry.UpsampleHeight > 0)
            map = _graph.Enlarged(map, x.Shape[0], weight.Shape[1], geometry.UpsampleHeight, geometry.UpsampleWidth);
        string sums = _graph.Node(
            "Conv", [map, Constant(weight), .. epilogue.Bias is null ? (string[])[] : [Constant(epilogue.Bias)]],
            OnnxGraph.Integers("kernel_shape", weight.Shape[2], weight.Shape[3]),
            OnnxGraph.Integers("pads", geometry.PadTop, geometry.PadLeft, geometry.PadBottom, geometry.PadRight),
            OnnxGraph.Integers("strides", geometry.Stride, geometry.Stride));
        Tensor shift = epilogue.ChannelShift;
        string y = shift.IsEmpty ? sums : _graph.Node("Add", [sums, ChannelsLast(shift.Reshape([shift.Shape[0], shift.Shape[1], 1, 1])).Name]);
        return Finish(result, _graph.Activated(y, bias: null, epilogue.Activation, weight.Shape[0]), epilogue, first: true);
    }

    /// <inheritdoc/>
    public override Tensor GroupedConv1d(Tensor x, Weight weight, int groups, int padding, in Epilogue epilogue)
    {
        Tensor result = Inner.GroupedConv1d(x, weight, groups, padding, epilogue);
        long taps = weight.Shape[2];
        string map = _graph.Node("Unsqueeze", [Turn(ChannelsLast(x).Name, 0, 2, 1), _graph.Numbers(2)]); // of one row: 2D convolutions have kernels of their own
        string row = _graph.Node(
            "Conv", [map, Place(weight, weight.Shape[0], weight.Shape[1], 1, taps), Constant(epilogue.Bias!)],
            OnnxGraph.Integers("kernel_shape", 1, taps), OnnxGraph.Integers("pads", 0, padding, 0, taps - 1 - padding), OnnxGraph.Integer("group", groups));
        string y = _graph.Activated(Turn(_graph.Node("Squeeze", [row, _graph.Numbers(2)]), 0, 2, 1), bias: null, epilogue.Activation, weight.Shape[0]);
        return Finish(result, y, epilogue, first: false);
    }

    /// <inheritdoc/>
    public override Tensor GroupNorm(Tensor x, Weight gamma, Weight beta, int groups, float epsilon, Activation activation = Activation.None, Tensor skip = default)
    {
        Tensor result = Inner.GroupNorm(x, gamma, beta, groups, epsilon, activation, skip);
        Value map = ChannelsFirst(x);
        string joined = skip.IsEmpty ? map.Name : _graph.Node("Concat", [map.Name, ChannelsFirst(skip).Name], OnnxGraph.Integer("axis", 1));
        long[] shape = [map.Shape[0], gamma.Shape[0], .. map.Shape[2..]];
        return Note(result, _graph.GroupNorm(joined, shape, groups, epsilon, Constant(gamma, 1, 1), Constant(beta, 1, 1), activation), shape, first: true);
    }

    /// <inheritdoc/>
    public override Tensor LayerNorm(Tensor x, Weight gamma, Weight beta, float epsilon)
    {
        Value source = ChannelsLast(x);
        string y = _graph.Node("LayerNormalization", [source.Name, Constant(gamma), Constant(beta)], OnnxGraph.Integer("axis", -1), OnnxGraph.Float("epsilon", epsilon));
        return Note(Inner.LayerNorm(x, gamma, beta, epsilon), y, source.Shape);
    }

    /// <inheritdoc/>
    public override Tensor Attention(Tensor q, Tensor k, Tensor v, in AttentionOptions options)
    {
        if (options.Causal)
            throw new NotSupportedException("a causal mask");
        Tensor result = Inner.Attention(q, k, v, options);
        string? bias = options.Bias.IsEmpty ? null : _values[Key(options.Bias)].Name;        // [1, heads, Lq, Lk]
        if (bias is not null && !options.BiasGate.IsEmpty)
            bias = _graph.Node("Mul", [bias, _values[Key(options.BiasGate)].Name]);             // by [B, heads, Lq, 1]
        string[] inputs = [ChannelsLast(q).Name, ChannelsLast(k).Name, ChannelsLast(v).Name];
        return Note(
            result,
            options.Heads > 1 ? _graph.MultiHeadAttention(inputs, options.Heads, options.Scale, bias) : _graph.Attention(inputs[0], inputs[1], inputs[2], options.Scale, bias),
            Extents(result.Shape));
    }

    /// <inheritdoc/>
    public override Tensor Activate(Tensor x, Activation activation)
    {
        Value source = ChannelsLast(x);
        return Note(Inner.Activate(x, activation), _graph.Activated(source.Name, bias: null, activation, columns: 0), source.Shape);
    }

    /// <inheritdoc/>
    public override Tensor TimestepEmbedding(Tensor timesteps, int width, bool cosineFirst, float frequencyShift)
    {
        Tensor result = Inner.TimestepEmbedding(timesteps, width, cosineFirst, frequencyShift);
        float[] times = _uploads[Key(timesteps)], values = new float[times.Length * width];
        int half = width / 2;
        for (int i = 0; i < values.Length; i++)
        {
            double angle = times[i / width] * Math.Exp(-Math.Log(10000) * (i % half) / (half - frequencyShift));
            values[i] = (float)(i % width < half == cosineFirst ? Math.Cos(angle) : Math.Sin(angle));
        }

        return Note(result, _graph.Weight(values, times.Length, width), [times.Length, width]);
    }

    /// <inheritdoc/>
    public override Tensor Concat(ReadOnlySpan<Tensor> parts)
    {
        List<string> names = [];
        foreach (Tensor part in parts)
            names.Add(ChannelsLast(part).Name);
        Tensor result = Inner.Concat(parts);
        return Note(result, _graph.Node("Concat", [.. names], OnnxGraph.Integer("axis", -1)), Extents(result.Shape));
    }

    /// <inheritdoc/>
    public override Tensor RelativePositionBias(Weight table, Tensor buckets)
    {
        Tensor result = Inner.RelativePositionBias(table, buckets);
        (int[] rows, float[] values) = (_indices[Key(buckets)], _tables[table]);
        (int heads, int length) = (result.Shape[0], result.Shape[1]);
        float[] bias = new float[result.Shape.Count];
        for (int i = 0; i < bias.Length; i++)
            bias[i] = values[(rows[(i % length) - (i / length % length) + length - 1] * heads) + (i / length / length)];
        return Note(result, _graph.Weight(bias, 1, heads, length, length), [1, heads, length, length]);
    }

    /// <inheritdoc/>
    public override Tensor RelativePositionGate(Tensor projected, Weight scale)
    {
        Tensor result = Inner.RelativePositionGate(projected, scale);
        (long batch, long length, long heads) = (result.Shape[0], result.Shape[1], result.Shape[2]);
        string sums = _graph.Node(
            "ReduceSum", [_graph.Node("Reshape", [ChannelsLast(projected).Name, _graph.Numbers(batch, length, heads, 2, 4)]), _graph.Numbers(4)], OnnxGraph.Integer("keepdims", 0));
        string[] gates = _graph.Nodes("Split", [_graph.Node("Sigmoid", [sums]), _graph.Numbers(1, 1)], 2, OnnxGraph.Integer("axis", 3));                 // [B, L, heads, 1] each
        string inner = _graph.Node("Sub", [_graph.Node("Mul", [gates[1], Place(scale, heads, 1)]), _graph.Weight([1f], 1)]);
        string gate = _graph.Node("Add", [_graph.Node("Mul", [gates[0], inner]), _graph.Weight([2f], 1)]);
        return Note(result, Turn(gate, 0, 2, 1, 3), [batch, heads, length, 1]);
    }

    /// <inheritdoc/>
    protected override void Before(string operation) => throw new NotSupportedException($"{operation} has no ONNX form here");

    private static (TensorStorage Storage, int Generation) Key(Tensor tensor) => (tensor.Storage, tensor.Storage.Generation);

    private static long[] Extents(Shape shape) => [.. Enumerable.Range(0, shape.Rank).Select(i => (long)shape[i])];

    private Tensor Finish(Tensor result, string y, in Epilogue epilogue, bool first)
    {
        if (epilogue.EffectiveScale != 1)
            throw new NotSupportedException("a scale");
        if (!epilogue.Residual.IsEmpty)
        {
            string residual = (first ? ChannelsFirst(epilogue.Residual) : ChannelsLast(epilogue.Residual)).Name;
            if (epilogue.EffectiveResidualScale != 1)
                residual = _graph.Node("Mul", [residual, _graph.Weight([epilogue.EffectiveResidualScale], 1)]);
            y = _graph.Node("Add", [y, residual]);
        }

        long[] shape = Extents(result.Shape);
        return Note(result, y, first ? [shape[0], shape[3], shape[1], shape[2]] : shape, first);
    }

    private Tensor Note(Tensor result, string name, long[] shape, bool first = false)
    {
        _values[Key(result)] = new Value(name, shape, first);
        return result;
    }

    // What is made of one value only, such as the rows of one step, is all of it.
    private Value ValueOf(Tensor tensor)
    {
        if (tensor.Offset != 0)
            throw new NotSupportedException("a part of a tensor");
        if (_values.TryGetValue(Key(tensor), out Value? value))
            return value;
        _inputs.Add(_uploads[Key(tensor)]);
        long[] shape = Extents(tensor.Shape);
        Note(tensor, _graph.Input(shape), shape);
        return _values[Key(tensor)];
    }

    // Of the tensor's own shape.
    private Value ChannelsLast(Tensor tensor)
    {
        Value value = ValueOf(tensor);
        if (value.First)
            value = value.Last ??= new Value(Turn(value.Name, 0, 2, 3, 1), [value.Shape[0], value.Shape[2], value.Shape[3], value.Shape[1]], First: false);
        long[] shape = Extents(tensor.Shape);
        return value.Shape.SequenceEqual(shape) ? value : new Value(_graph.Node("Reshape", [value.Name, _graph.Numbers(shape)]), shape, First: false);
    }

    private Value ChannelsFirst(Tensor tensor)
    {
        Value value = ValueOf(tensor);
        if (value.First)
            return value;
        long[] shape = Extents(tensor.Shape);
        string map = ChannelsLast(tensor).Name;
        return new Value(Turn(map, 0, 3, 1, 2), [shape[0], shape[3], shape[1], shape[2]], First: true);
    }

    private string Turn(string value, params long[] order) => _graph.Node("Transpose", [value], OnnxGraph.Integers("perm", order));

    private string Constant(Weight weight, params long[] further) => Place(weight, [.. Extents(weight.Shape), .. further]);

    private string Place(Weight weight, params long[] shape) => _graph.Weight(WeightsFile, _places[weight], shape);

    // [rows, columns] to [columns, rows].
    private static float[] Turned(float[] values, int rows, int columns)
    {
        float[] turned = new float[values.Length];
        for (int i = 0; i < values.Length; i++)
            turned[(i % columns * rows) + (i / columns)] = values[i];
        return turned;
    }

    private sealed record Value(string Name, long[] Shape, bool First)
    {
        public Value? Last { get; set; }
    }
}
