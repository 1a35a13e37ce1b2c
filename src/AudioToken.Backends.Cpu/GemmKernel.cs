namespace AudioToken.Backends.Cpu;

/// <summary>Which micro-kernels multiply.</summary>
internal enum GemmKernel
{
    /// <summary>The widest the processor has.</summary>
    Best,

    /// <summary>16 lanes, tiles of 14 x 32: AVX-512.</summary>
    Vector512,

    /// <summary>8 lanes, tiles of 6 x 16: AVX2 with FMA.</summary>
    Vector256,

    /// <summary>4 lanes, tiles of 6 x 8: any processor.</summary>
    Vector128,
}
