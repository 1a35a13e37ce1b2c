using AudioToken.Tensors;
using AudioToken.Training.Tape;

namespace AudioToken.Training.Adapters;

/// <summary>Multiplies the result of one linear layer by a mask: the dropout that the embedder has while it is trained.</summary>
/// <remarks>Srivastava et al. 2014. The layer is the unary potential's hidden one; kept values count double.</remarks>
public sealed class DropoutOps : DelegatingOps
{
    /// <summary>The embedder's layer behind which the original has its dropout.</summary>
    public const string UnaryLayer = "fga.un_models.0.embed.weight";

    private readonly GradientTape _tape;
    private readonly string _weight;
    private readonly float[] _mask;

    /// <summary>Wraps a tape.</summary>
    /// <param name="tape">The tape.</param>
    /// <param name="weight">Name of the layer's weight.</param>
    /// <param name="mask">Factors, as many as the layer's result has values.</param>
    public DropoutOps(GradientTape tape, string weight, float[] mask)
        : base(tape)
    {
        _tape = tape;
        _weight = weight;
        _mask = mask;
    }

    /// <inheritdoc/>
    public override Tensor Linear(Tensor x, Weight weight, in Epilogue epilogue)
    {
        ArgumentNullException.ThrowIfNull(weight);
        Tensor y = _tape.Linear(x, weight, epilogue);
        return weight.Name == _weight ? _tape.Mask(y, _tape.Upload(_mask, y.Shape)) : y;
    }

    /// <inheritdoc/>
    protected override void Before(string operation)
    {
    }
}
