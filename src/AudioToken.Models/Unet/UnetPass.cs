using AudioToken.Tensors;

namespace AudioToken.Models.Unet;

/// <summary>What the stages of one forward pass share.</summary>
/// <param name="Ops">The operations of one backend.</param>
/// <param name="Scope">The pass's scope: it owns the feature maps that go from stage to stage, and hands them back as soon as the last reader is done.</param>
/// <param name="Time">The time of the samples.</param>
/// <param name="Context">What the cross-attentions look at.</param>
/// <param name="Skips">Maps of the way down.</param>
internal readonly record struct UnetPass(ITensorOps Ops, TensorScope Scope, UnetTime Time, UnetContext Context, SkipStack Skips);
