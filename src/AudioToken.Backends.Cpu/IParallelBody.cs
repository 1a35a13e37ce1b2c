namespace AudioToken.Backends.Cpu;

/// <summary>Work that falls into numbered parts which write to different places.</summary>
internal interface IParallelBody
{
    /// <summary>Does one part.</summary>
    /// <param name="index">Number of the part, from 0.</param>
    /// <param name="worker">Number of the thread that does it, from 0 (the caller): key of <see cref="WorkerPool.Scratch"/>.</param>
    void Run(int index, int worker);
}
