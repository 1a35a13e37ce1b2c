using AudioToken.Tensors;

namespace AudioToken.Training.Optimisation;

/// <summary>A weight that is trained, with its fp32 master values in the order of its file.</summary>
/// <param name="Name">Name in the checkpoint.</param>
/// <param name="Weight">The backend's copy.</param>
/// <param name="Values">The values; <see cref="Publish"/> makes them the backend's.</param>
public sealed record Parameter(string Name, Weight Weight, float[] Values)
{
    /// <summary>Extents as the backend has them.</summary>
    public Shape Shape => Weight.Shape;

    /// <summary>Extents as in published files, the same numbers in the same order.</summary>
    public Shape FileShape { get; init; } = Weight.Shape;

    /// <summary>Lays the values out on the backend.</summary>
    public void Publish(IGradientOps ops)
    {
        ArgumentNullException.ThrowIfNull(ops);
        ops.Assign(Weight, Values);
    }
}

/// <summary>Notes which weights a model loads and keeps the values of those to be trained; the only thing between a model and its training.</summary>
/// <remarks>Load a model through it, then run the model on a <see cref="Tape.GradientTape"/>. Weights stay the model's. Those to be trained are loaded as
/// F32, so that a backend can take new values for them.</remarks>
public sealed class ParameterOps : DelegatingOps
{
    private readonly Func<string, bool> _isTrained;
    private readonly List<Parameter> _parameters = [];

    /// <summary>Wraps a backend.</summary>
    /// <param name="inner">The backend on which the weights shall lie.</param>
    /// <param name="isTrained">Says of a name whether its weight is trained.</param>
    public ParameterOps(ITensorOps inner, Func<string, bool> isTrained)
        : base(inner)
    {
        ArgumentNullException.ThrowIfNull(isTrained);
        _isTrained = isTrained;
    }

    /// <summary>The weights to be trained, in the order in which they were loaded.</summary>
    public IReadOnlyList<Parameter> Parameters => _parameters;

    /// <inheritdoc/>
    public override Weight LoadWeight(WeightSource source, WeightRole role)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (!_isTrained(source.Name))
            return base.LoadWeight(source, role);

        // In fp32 whatever the file holds: a backend may let half types rest as they are, and a step is smaller than what they tell apart.
        float[] values = source.ReadAll();
        Weight weight = base.LoadWeight(new ArrayWeightSource(source.Name, source.Shape, values), role);
        _parameters.Add(new Parameter(source.Name, weight, values));
        return weight;
    }

    /// <inheritdoc/>
    protected override void Before(string operation)
    {
    }
}
