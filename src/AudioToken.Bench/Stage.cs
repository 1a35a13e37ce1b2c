using AudioToken.Tensors;

namespace AudioToken.Bench;

/// <summary>One network, loaded, with inputs: ready to run.</summary>
/// <param name="Run">One forward pass; its result belongs to the caller's scope, or to that in which the stage was built.</param>
public sealed record Stage(Func<ITensorOps, Tensor> Run)
{
    /// <summary>The loop of which the pass is the first step, to be repeated as a pipeline repeats it; null for a stage that is none.</summary>
    public StageLoop? Loop { get; init; }
}
