using AudioToken.Tensors;

namespace AudioToken.Models.Layers;

/// <summary>What an attention looks at: one key and one value for each position.</summary>
/// <param name="Keys">[B, L, C].</param>
/// <param name="Values">[B, L, C].</param>
public readonly record struct KeysAndValues(Tensor Keys, Tensor Values);
