using AudioToken.Tensors;

namespace AudioToken.Bench;

/// <summary>One network, loaded, with inputs: ready to run.</summary>
/// <param name="Run">One forward pass; the caller's scope owns the result.</param>
public sealed record Stage(Func<ITensorOps, Tensor> Run)
{
    /// <summary>True for work of the host whose result is uploaded: it cannot be recorded.</summary>
    public bool IsHosts { get; init; }

    /// <summary>The pass as a step of a loop, which is repeated as a pipeline repeats it; null for a stage that is none.</summary>
    public StageLoop? Loop { get; init; }
}
