using AudioToken.Tensors;

namespace AudioToken.Bench;

/// <summary>A step of a loop.</summary>
/// <param name="Input">Of each step.</param>
/// <param name="Steps">For so many steps there are tables.</param>
/// <param name="Step">The step.</param>
public sealed record StageLoop(Tensor Input, int Steps, Func<ITensorOps, Tensor, StepIndex, Tensor> Step);
