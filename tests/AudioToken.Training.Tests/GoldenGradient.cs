using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Training.Optimisation;
using AudioToken.Training.Tape;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Training.Tests;

/// <summary>One recorded case of b10_ops_grad on a backend: operands in, result and gradients compared.</summary>
internal sealed class GoldenGradient : IDisposable
{
    private readonly GoldenFile _golden = Goldens.Open("b10_ops_grad");
    private readonly IGradientOps _ops;
    private readonly ParameterOps _parameters;
    private readonly WeightStore _store;
    private readonly List<(string Name, Tensor Tensor, Func<float[], Shape, float[]> FromFile)> _inputs = [];
    private readonly string _case;
    private GradientTape? _tape;

    public GoldenGradient(string name, string backend)
    {
        _ops = (IGradientOps)BackendData.Open(backend);
        _case = name;
        _parameters = new ParameterOps(_ops, _ => true);
        string prefix = name + ".param.";
        Dictionary<string, WeightSource> sources = _golden.File.Names.Where(tensor => tensor.StartsWith(prefix, StringComparison.Ordinal))
            .ToDictionary(tensor => tensor[prefix.Length..], tensor => _golden.File.Find(tensor)!);
        _store = new WeightStore(_parameters, new ArrayCheckpoint(sources.ToDictionary(pair => pair.Key, pair =>
            (WeightSource)new ArrayWeightSource(pair.Key, pair.Value.Shape, pair.Value.ReadAll()))));
    }

    /// <summary>Where the case's parameters are.</summary>
    public WeightPath Root => _store.Root;

    /// <summary>The tape; begins when the weights are loaded.</summary>
    public GradientTape Tape => _tape ??= new GradientTape(_ops, _parameters.Parameters.Select(parameter => parameter.Weight));

    /// <summary>A recorded operand as a weight that is trained.</summary>
    public Weight Load(string name, WeightRole role) => Load(name, role, ShapeOf($"in.{name}"), this[$"in.{name}"]);

    /// <summary>Given values as a weight that is trained, or one that is not.</summary>
    public Weight Load(string name, WeightRole role, Shape shape, float[] values, bool trained = true) =>
        (trained ? (ITensorOps)_parameters : _ops).LoadWeight(new ArrayWeightSource(name, shape, values), role);

    public float[] this[string name] => _golden[$"{_case}.{name}"];

    public Shape ShapeOf(string name) => _golden.ShapeOf($"{_case}.{name}");

    /// <summary>An input in channels-last order whose gradient will be compared.</summary>
    public Tensor Input(string name, Func<float[], Shape, float[]>? order = null, Func<Shape, Shape>? shape = null)
    {
        Func<float[], Shape, float[]> fromFile = order ?? Layout.Same;
        Shape stored = ShapeOf($"in.{name}");
        Tensor tensor = Tape.Upload(fromFile(this[$"in.{name}"], stored), shape?.Invoke(stored) ?? stored);
        Tape.Watch(tensor);
        _inputs.Add((name, tensor, fromFile));
        return tensor;
    }

    /// <summary>Compares the result, plays the recorded gradient back and compares every gradient that was recorded.</summary>
    public void Check(Tensor y, Func<float[], Shape, float[]>? order = null)
    {
        Func<float[], Shape, float[]> fromFile = order ?? Layout.Same;
        TensorAssert.Network(fromFile(this["out.y"], ShapeOf("out.y")), _ops.Values(y), $"{_case}.out.y");
        Tape.Backward(y, _ops.Upload(fromFile(this["in.dy"], ShapeOf("in.dy")), y.Shape));
        foreach ((string name, Tensor tensor, Func<float[], Shape, float[]> input) in _inputs)
            TensorAssert.Network(input(this[$"out.d_{name}"], ShapeOf($"out.d_{name}")), _ops.Values(Tape.Gradient(tensor)), $"{_case}.out.d_{name}");
        int compared = 0;
        foreach (Parameter parameter in _parameters.Parameters)
        {
            string name = _golden.Has($"{_case}.out.d_param.{parameter.Name}") ? $"out.d_param.{parameter.Name}" : $"out.d_{parameter.Name}";
            TensorAssert.Network(this[name], Gradient(parameter.Weight), $"{_case}.{name}");
            compared++;
        }

        Assert.Equal(_golden.File.Names.Count(name => name.StartsWith($"{_case}.out.d_", StringComparison.Ordinal)), compared + _inputs.Count);
    }

    public float[] Gradient(Weight weight) => _ops.Values(Tape.Gradient(weight));

    public void Dispose()
    {
        _tape?.Dispose();
        _store.Dispose();
        _parameters.Dispose();
        _ops.Dispose();
        _golden.Dispose();
    }
}

/// <summary>Orders of recorded values.</summary>
internal static class Layout
{
    public static float[] Same(float[] values, Shape shape) => values;

    /// <summary>[B, C, ...] to [B, ..., C].</summary>
    public static float[] ChannelsLast(float[] values, Shape shape)
    {
        float[] result = new float[values.Length];
        ChannelLayout.ToChannelsLast(values, result, shape[1], (int)(shape.Count / shape[0] / shape[1]));
        return result;
    }

    /// <summary>The shape that goes with it.</summary>
    public static Shape ChannelsLast(Shape shape) => shape.Rank == 4 ? [shape[0], shape[2], shape[3], shape[1]] : [shape[0], shape[2], shape[1]];

    /// <summary>[B, heads, L, width] to [B, L, heads * width].</summary>
    public static float[] HeadsInside(float[] values, Shape shape)
    {
        (int heads, int length, int width) = (shape[1], shape[2], shape[3]);
        float[] result = new float[values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            int c = i % width, l = i / width % length, h = i / width / length % heads, b = i / width / length / heads;
            result[((b * length + l) * heads + h) * width + c] = values[i];
        }

        return result;
    }

    /// <summary>The shape that goes with it.</summary>
    public static Shape HeadsInside(Shape shape) => [shape[0], shape[2], shape[1] * shape[3]];
}
