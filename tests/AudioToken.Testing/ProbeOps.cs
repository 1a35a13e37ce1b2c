using AudioToken.Tensors;

namespace AudioToken.Testing;

/// <summary>Keeps the results of operations under the names of their weights, so that the inside of a model can be compared without a door in it.</summary>
/// <remarks><c>down_blocks.0.resnets.0.conv2</c> names what that convolution stored, its fused residual included; operations without
/// weights go by their own name. The layout is that of the computation, channels last.</remarks>
public sealed class ProbeOps(ITensorOps inner, Func<string, bool>? wanted = null) : DelegatingOps(inner)
{
    private readonly Dictionary<string, float[]> _results = [];
    private readonly Dictionary<string, float[]> _branches = [];

    /// <summary>What the last operation of that name stored.</summary>
    public float[] Result(string name) => _results.TryGetValue(name, out float[]? values) ? values : throw new KeyNotFoundException($"No operation of weight '{name}' was seen.");

    /// <summary>What it stored less the residual that it had added.</summary>
    public float[] Branch(string name) => _branches.TryGetValue(name, out float[]? values) ? values : throw new KeyNotFoundException($"No residual of weight '{name}' was seen.");

    /// <summary>True if an operation of that name was seen.</summary>
    public bool Has(string name) => _results.ContainsKey(name);

    public override Tensor Linear(Tensor x, Weight weight, in Epilogue epilogue) => Keep(weight, Inner.Linear(x, weight, epilogue), epilogue);

    public override Tensor Conv2d(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, Tensor skip = default) =>
        Keep(weight, Inner.Conv2d(x, weight, geometry, epilogue, skip), epilogue);

    public override Tensor GroupedConv1d(Tensor x, Weight weight, int groups, int padding, in Epilogue epilogue) =>
        Keep(weight, Inner.GroupedConv1d(x, weight, groups, padding, epilogue), epilogue);

    public override Tensor GroupNorm(Tensor x, Weight gamma, Weight beta, int groups, float epsilon, Activation activation = Activation.None, Tensor skip = default) =>
        Keep(gamma, Inner.GroupNorm(x, gamma, beta, groups, epsilon, activation, skip), default);

    public override Tensor LayerNorm(Tensor x, Weight gamma, Weight beta, float epsilon) => Keep(gamma, Inner.LayerNorm(x, gamma, beta, epsilon), default);

    protected override void Before(string operation)
    {
    }

    protected override void After(string operation, Tensor result)
    {
        if (wanted is null || wanted(operation))
            _results[operation] = Values(result);
    }

    private Tensor Keep(Weight weight, Tensor result, in Epilogue epilogue)
    {
        string name = weight.Name.EndsWith(".weight", StringComparison.Ordinal) ? weight.Name[..^".weight".Length] : weight.Name;
        if (wanted is not null && !wanted(name))
            return result;
        float[] values = Values(result);
        _results[name] = values;
        if (!epilogue.Residual.IsEmpty)
        {
            float scale = epilogue.EffectiveResidualScale;
            float[] residual = Values(epilogue.Residual);
            _branches[name] = [.. values.Select((value, i) => value - scale * residual[i])];
        }

        return result;
    }

    private float[] Values(Tensor tensor)
    {
        float[] values = new float[tensor.Shape.Count];
        Inner.Download(tensor, values);
        return values;
    }
}
