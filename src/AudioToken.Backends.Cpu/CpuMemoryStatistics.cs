namespace AudioToken.Backends.Cpu;

/// <summary>What the memory of one CPU backend has done so far.</summary>
/// <param name="LiveBytes">Bytes that tensors hold now.</param>
/// <param name="HeldBytes">Bytes taken from the system for tensors: live ones and those waiting to be used again.</param>
/// <param name="PeakHeldBytes">The most that <paramref name="HeldBytes"/> has been.</param>
/// <param name="WeightBytes">Bytes of the weights loaded and not disposed.</param>
/// <param name="ScratchBytes">Bytes of the threads' working buffers.</param>
/// <param name="NativeAllocations">How often memory of any of these kinds was asked of the system.</param>
public readonly record struct CpuMemoryStatistics(
    long LiveBytes, long HeldBytes, long PeakHeldBytes, long WeightBytes, long ScratchBytes, long NativeAllocations);
