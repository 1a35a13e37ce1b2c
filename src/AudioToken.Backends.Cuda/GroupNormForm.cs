using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

/// <summary>How <c>group_norm.cu</c> is launched. It depends on one sample alone: a batch gives the bits that its samples give.</summary>
/// <param name="Bundle">Neighbouring groups that a cluster of blocks takes, whole packs of 16 bytes together.</param>
/// <param name="Packs">Of a bundle at one position.</param>
/// <param name="ClusterBits">Blocks of a cluster, as a power of two.</param>
/// <param name="RowBits">Positions that a block takes at once, as a power of two.</param>
/// <param name="Kept">Packs that a thread holds between statistics and result.</param>
/// <param name="Threads">Threads of a block.</param>
/// <param name="SharedBytes">Dynamic shared memory of a block.</param>
internal readonly record struct GroupNormForm(int Bundle, int Packs, int ClusterBits, int RowBits, int Kept, int Threads, int SharedBytes)
{
    /// <summary>Bytes of one access.</summary>
    public const int PackBytes = 16;

    private const int SectorBytes = 32; // what memory moves at least
    private const int UsuallyKept = 8, MostKept = 16; // packs
    private const int MaxThreads = 640; // as many as the kernel is compiled for
    private const int ClusterThreads = 320; // two such blocks fit a multiprocessor: an H200 has places for 15 clusters of 8 where only one does
    private const int MaxClusterBits = 3; // more blocks together are not to be had on every device
    private const int SampleBlocks = 64; // a guided step has two samples: all of a large device's multiprocessors

    /// <summary>The form for a sample, or null where only <c>group_norm_plain.cu</c> can take it.</summary>
    /// <param name="storage">Type of the operands.</param>
    /// <param name="positions">Of a sample, 1 or more.</param>
    /// <param name="width">Channels of a group.</param>
    /// <param name="groups">Of all channels.</param>
    /// <param name="device">Where it is to run.</param>
    public static GroupNormForm? For(DType storage, int positions, int width, int groups, CudaDevice device)
    {
        int pack = PackBytes / storage.Size();
        bool isTwoAtMost = width >= pack - 1 || 2 * width == pack; // groups whose channels a pack holds
        if (!isTwoAtMost || BundleOf(storage, width, groups) is not { } bundle || (long)bundle * width > MaxThreads * pack)
            return null;
        int packs = bundle * width / pack, bundles = groups / bundle;

        // Blocks share a bundle until there are enough of them and they can hold it, or each has but few packs.
        int clusterBits = 0;
        while (device.HasClusters && clusterBits < MaxClusterBits && Share() > MaxThreads && (bundles << clusterBits < SampleBlocks || Share() > UsuallyKept * ClusterThreads))
            clusterBits++;
        int most = clusterBits > 1 ? ClusterThreads : MaxThreads, own = ((positions - 1) >> clusterBits) + 1, rowBits = 0;
        while (2 << rowBits <= most / packs && 1 << rowBits < own)
            rowBits++;
        int threads = ((packs << rowBits) + 31) / 32 * 32, wanted = ((own - 1) >> rowBits) + 1;
        int kept = Math.Min(wanted, SharedBytesFor(MostKept) <= device.SharedBytesPerBlock / 2 ? MostKept : UsuallyKept);
        while (kept > 1 && SharedBytesFor(kept) > device.SharedBytesPerBlock)
            kept--;
        if (SharedBytesFor(kept) > device.SharedBytesPerBlock)
            return null;
        return new(bundle, packs, clusterBits, rowBits, kept, threads, SharedBytesFor(kept));

        long Share() => (long)positions * packs >> clusterBits; // of a block, in packs

        // What is kept, factors and offsets, two moments of either group of each thread's pack and of each column, and of each group.
        int SharedBytesFor(int kept) =>
            (kept * threads * PackBytes) + (((2 * packs * pack) + (4 * (packs << rowBits)) + (4 * packs) + (2 * bundle)) * sizeof(float));
    }

    /// <summary>Neighbouring groups that are whole packs together, and a sector where there are as many; null where there are none.</summary>
    public static int? BundleOf(DType storage, int width, int groups)
    {
        int pack = PackBytes / storage.Size(), bundle = pack / Gcd(width, pack);
        if (groups % bundle != 0)
            return null;
        while (bundle * width * storage.Size() < SectorBytes && groups % (2 * bundle) == 0)
            bundle *= 2;
        return bundle;
    }

    private static int Gcd(int a, int b) => b == 0 ? a : Gcd(b, a % b);
}
