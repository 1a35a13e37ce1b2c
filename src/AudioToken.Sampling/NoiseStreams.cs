namespace AudioToken.Sampling;

/// <summary>The two named streams of noise behind one picture: where it starts, and what the sampler adds on the way.</summary>
/// <remarks>From a seed both are one generator: the sampler's draws go on where the initial draw ended, as with diffusers'
/// <c>generator=torch.Generator().manual_seed(seed)</c>. Either can be replaced without the other.</remarks>
public sealed record NoiseStreams
{
    /// <summary>Makes both streams of one seed.</summary>
    /// <param name="seed">Any 64-bit value; PyTorch's CPU generator looks at the low 32 bits only.</param>
    /// <param name="algorithm">The generator.</param>
    public NoiseStreams(ulong seed, NoiseAlgorithm algorithm = NoiseAlgorithm.TorchCpu)
    {
        Init = Sampler = algorithm switch
        {
            NoiseAlgorithm.TorchCpu => new TorchCpuGenerator(seed),
            NoiseAlgorithm.TorchCpuHalf => new TorchCpuGenerator(seed).Half,
            NoiseAlgorithm.TorchCuda => new PhiloxGenerator(seed),
            _ => throw new ArgumentOutOfRangeException(nameof(algorithm), algorithm, "Not a noise algorithm."),
        };
    }

    /// <summary>The initial noise; drawn once, before anything else.</summary>
    public INoiseSource Init { get; init; }

    /// <summary>The noise that ancestral and stochastic samplers add; drawn once for each step with <see cref="SamplerStep.DrawsNoise"/>.</summary>
    public INoiseSource Sampler { get; init; }

    /// <summary>Streams for the pictures of a batch: seed, seed + 1, ... (after 2^64 - 1 comes 0), so that each picture is the same alone or in a batch.</summary>
    public static IReadOnlyList<NoiseStreams> ForBatch(ulong seed, int count, NoiseAlgorithm algorithm = NoiseAlgorithm.TorchCpu)
    {
        NoiseStreams[] streams = new NoiseStreams[count];
        for (int i = 0; i < count; i++)
            streams[i] = new NoiseStreams(unchecked(seed + (ulong)i), algorithm);
        return streams;
    }
}
