namespace AudioToken.Tensors;

/// <summary>What the memory of a backend holds.</summary>
/// <param name="WeightBytes">Bytes of the weights loaded and not disposed.</param>
/// <param name="LiveBytes">Bytes that tensors hold, working memory of operations among them.</param>
/// <param name="PeakLiveBytes">The most that <paramref name="LiveBytes"/> has been since the peak was last reset.</param>
/// <param name="PeakHeldBytes">The most bytes ever taken from the system for tensors: live ones and those that waited to be used again.</param>
public readonly record struct MemoryUse(long WeightBytes, long LiveBytes, long PeakLiveBytes, long PeakHeldBytes);
