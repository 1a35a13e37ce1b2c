using AudioToken.Tensors;

namespace AudioToken.Bench;

/// <summary>A loop of steps.</summary>
/// <param name="Steps">How many there are.</param>
/// <param name="Start">Makes what they change, in the scope that is open, and gives what takes one; they come in their order.</param>
public sealed record StageLoop(int Steps, Func<Action<ITensorOps, StepIndex>> Start);
