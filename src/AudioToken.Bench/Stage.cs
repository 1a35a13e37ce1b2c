using AudioToken.Tensors;

namespace AudioToken.Bench;

/// <summary>One network, loaded, with inputs: ready to run.</summary>
/// <param name="Run">One forward pass; the caller's scope owns the result.</param>
/// <param name="Network">What to dispose of afterwards; null for a stage that has no weights.</param>
public sealed record Stage(Func<ITensorOps, Tensor> Run, IDisposable? Network);
