using AudioToken.Tensors;

namespace AudioToken.Pipelines;

/// <summary>Takes parameters without reading them: whether a checkpoint fits its network is known at once, but the network cannot run.</summary>
internal sealed class UnreadWeights(ITensorOps inner) : DelegatingOps(inner)
{
    /// <inheritdoc/>
    public override Weight LoadWeight(WeightSource source, WeightRole role) => new Unread(source.Name, source.Shape, role);

    /// <inheritdoc/>
    protected override void Before(string operation) => throw new InvalidOperationException($"{operation}: the weights were not read, only checked.");

    private sealed class Unread(string name, Shape shape, WeightRole role) : Weight(name, shape, role)
    {
        protected override void Dispose(bool disposing)
        {
        }
    }
}
