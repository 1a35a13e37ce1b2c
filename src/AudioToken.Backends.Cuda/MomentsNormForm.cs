using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

/// <summary>How <c>group_norm_moments.cu</c> is launched.</summary>
/// <param name="Bundle">Neighbouring groups that a block takes, whole packs of 16 bytes together.</param>
/// <param name="Packs">Of a bundle at one position.</param>
/// <param name="Share">Positions of a block.</param>
/// <param name="Threads">Threads of a block.</param>
/// <param name="SharedBytes">Dynamic shared memory of a block.</param>
internal readonly record struct MomentsNormForm(int Bundle, int Packs, int Share, int Threads, int SharedBytes)
{
    private const int MaxThreads = 256; // as many as the kernel is compiled for
    private const int SampleBlocks = 128; // a guided step has two samples: two for each of a large device's multiprocessors

    /// <summary>The form for a sample, or null where <see cref="GroupNormForm"/> or the plain one must take it.</summary>
    /// <param name="storage">Type of the operands.</param>
    /// <param name="positions">Of a sample, 1 or more.</param>
    /// <param name="width">Channels of a group.</param>
    /// <param name="groups">Of all channels.</param>
    /// <param name="tiles">Tiles of a sample that have moments of their own, in the source that has the more.</param>
    /// <param name="device">Where it is to run.</param>
    public static MomentsNormForm? For(DType storage, int positions, int width, int groups, int tiles, CudaDevice device)
    {
        if (GroupNormForm.BundleOf(storage, width, groups) is not { } bundle)
            return null;
        int channels = bundle * width, packs = channels * storage.Size() / GroupNormForm.PackBytes;
        long shared = (((tiles + 1L) * channels) + bundle) * 2 * sizeof(float); // of a factor and an offset, too
        if (packs > MaxThreads || shared > device.SharedBytesPerBlock / 2)
            return null;
        int rows = Math.Min(MaxThreads / packs, positions);
        long rounds = (((long)positions * (groups / bundle)) + (rows * SampleBlocks) - 1) / (rows * SampleBlocks);
        return new(bundle, packs, (int)Math.Min(positions, rows * rounds), ((rows * packs) + 31) / 32 * 32, (int)shared);
    }
}
