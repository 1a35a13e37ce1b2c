namespace AudioToken.Sampling;

/// <summary>PyTorch's CUDA generator and its <c>torch.randn</c> in float32: Philox4x32-10, one counter a thread.</summary>
/// <remarks>
/// Salmon et al. 2011. The numbers depend on how many threads the GPU runs at once only for tensors of more elements than that; the
/// default assumes none is so large, which holds for latents of pictures up to at least 1024 x 1024. Not safe for concurrent calls.
/// </remarks>
public sealed class PhiloxGenerator : INoiseSource
{
    private const int BlockThreads = 256;
    private const float Scale = 2.3283064e-10f; // 2^-32

    private readonly ulong _seed;
    private readonly long _maxBlocks;
    private ulong _offset;

    /// <summary>Seeds a generator; all 64 bits count.</summary>
    /// <param name="seed">The seed.</param>
    /// <param name="maxBlocks">Blocks of 256 threads that the imitated GPU runs at once: multiprocessors times threads of each / 256.</param>
    public PhiloxGenerator(ulong seed, int maxBlocks = int.MaxValue)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxBlocks);
        _seed = seed;
        _maxBlocks = maxBlocks;
    }

    /// <summary><c>torch.randn(n, generator=g)</c> of a CUDA generator in float32.</summary>
    public void Fill(Span<float> destination)
    {
        if (destination.IsEmpty)
            return;
        // Thread i fills elements i, i + threads, i + 2 threads, ... with the four normals of one counter value after the other.
        long threads = Math.Min((destination.Length + BlockThreads - 1L) / BlockThreads, _maxBlocks) * BlockThreads;
        long rounds = (destination.Length + threads * 4 - 1) / (threads * 4);
        Span<float> normals = stackalloc float[4];
        for (long round = 0; round < rounds; round++)
        {
            for (long thread = 0; thread < threads; thread++)
            {
                long first = round * threads * 4 + thread;
                if (first >= destination.Length)
                    break;
                Normals(_offset + (ulong)round, (ulong)thread, normals);
                for (int k = 0; k < 4 && first + k * threads < destination.Length; k++)
                    destination[(int)(first + k * threads)] = normals[k];
            }
        }

        _offset += (ulong)rounds;
    }

    /// <summary>Philox4x32-10: four random words of a 128-bit counter and a 64-bit key, low words first.</summary>
    public static (uint X, uint Y, uint Z, uint W) Random(uint x, uint y, uint z, uint w, uint key0, uint key1)
    {
        for (int round = 0; round < 10; round++)
        {
            ulong product0 = 0xD2511F53ul * x, product1 = 0xCD9E8D57ul * z;
            (x, y, z, w) = ((uint)(product1 >> 32) ^ y ^ key0, (uint)product1, (uint)(product0 >> 32) ^ w ^ key1, (uint)product0);
            key0 += 0x9E3779B9u;
            key1 += 0xBB67AE85u;
        }

        return (x, y, z, w);
    }

    private void Normals(ulong offset, ulong thread, Span<float> normals)
    {
        (uint x, uint y, uint z, uint w) = Random((uint)offset, (uint)(offset >> 32), (uint)thread, (uint)(thread >> 32), (uint)_seed, (uint)(_seed >> 32));
        BoxMuller(x, y, normals);
        BoxMuller(z, w, normals[2..]);
    }

    private static void BoxMuller(uint x, uint y, Span<float> pair)
    {
        const float TwoPi = (float)(2 * Math.PI);
        float u = x * Scale + Scale / 2;
        float angle = y * (Scale * TwoPi) + Scale * TwoPi / 2;
        float radius = MathF.Sqrt(-2 * MathF.Log(u));
        pair[0] = radius * MathF.Sin(angle);
        pair[1] = radius * MathF.Cos(angle);
    }
}
