using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>Tensors that are drawn when a model asks for them: what a model begins its training with. The model says names and shapes.</summary>
public abstract class DrawnTensors : TensorCollection
{
    /// <inheritdoc/>
    public override IEnumerable<string> Names => [];

    /// <inheritdoc/>
    public override WeightSource? Find(string name) => null;

    /// <summary>Draws a tensor; the same values for the same name and shape.</summary>
    public abstract WeightSource Draw(string name, Shape shape);
}
