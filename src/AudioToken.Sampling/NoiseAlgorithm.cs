namespace AudioToken.Sampling;

/// <summary>Generators of noise: which PyTorch device a seed imitates.</summary>
public enum NoiseAlgorithm
{
    /// <summary><see cref="TorchCpuGenerator"/> in float32, the default.</summary>
    TorchCpu,

    /// <summary><see cref="TorchCpuGenerator"/> as a float16 pipeline draws from it.</summary>
    TorchCpuHalf,

    /// <summary><see cref="PhiloxGenerator"/>.</summary>
    TorchCuda,
}
