using System.Globalization;
using AudioToken.Bench.Synthetic;
using AudioToken.Tensors;

namespace AudioToken.Bench.Cases;

/// <summary>Makes one set of inputs: values of unit variance in the backend's own element type, and weights as of a fresh network.</summary>
/// <remarks>Tensors belong to the scope that is open; the weights go with this object.</remarks>
internal sealed class CaseInputs(ITensorOps ops, int set) : IDisposable
{
    private readonly List<Weight> _weights = [];

    /// <summary>The operations that the inputs are of.</summary>
    public ITensorOps Ops => ops;

    /// <summary>Elements of all inputs and weights.</summary>
    public long Elements { get; private set; }

    /// <summary>An input; its innermost axis is normalised, which leaves it in the type in which the backend keeps activations.</summary>
    public Tensor Input(string name, Shape shape)
    {
        using TensorScope scope = ops.Scope();
        Tensor values = ops.Upload(WeightFormula.GaussLike(Key(name), shape), shape);
        int columns = shape[^1];
        Elements += shape.Count;
        return scope.Keep(ops.LayerNorm(values, Weight($"{name}.gamma.weight", WeightRole.Vector, [columns]), Weight($"{name}.beta.bias", WeightRole.Vector, [columns]), 1e-5f));
    }

    /// <summary>An input that a product makes, to which it is said that a norm follows.</summary>
    public Tensor Product(string name, Shape shape)
    {
        const int Depth = 8;
        using TensorScope scope = ops.Scope();
        Tensor source = Input($"{name}.source", shape.WithLast(Depth));
        Elements += shape.Count;
        return scope.Keep(ops.Linear(source, Weight($"{name}.product.weight", WeightRole.Linear, [shape[^1], Depth]), new Epilogue { NormFollows = true }));
    }

    /// <summary>A weight.</summary>
    public Weight Weight(string name, WeightRole role, Shape shape)
    {
        Weight weight = ops.LoadWeight(WeightFormula.Source(Key(""), name, shape), role);
        _weights.Add(weight);
        Elements += shape.Count;
        return weight;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Weight weight in _weights)
            weight.Dispose();
    }

    private string Key(string name) => string.Create(CultureInfo.InvariantCulture, $"bench/{set}/{name}");
}
