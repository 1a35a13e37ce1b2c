namespace AudioToken.Weights;

/// <summary>How far the writing of a file has come.</summary>
/// <param name="Tensor">The tensor that comes next.</param>
/// <param name="Written">Bytes of tensors written so far.</param>
/// <param name="Total">Bytes of all tensors.</param>
public readonly record struct WriteProgress(string Tensor, long Written, long Total);
