using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

/// <summary>How <c>group_norm.cu</c> is launched. It depends on one sample alone: a batch gives the bits that its samples give.</summary>
/// <param name="Bundle">Neighbouring groups that a cluster of blocks takes, whole packs of 16 bytes together.</param>
/// <param name="Packs">Of a bundle at one position.</param>
/// <param name="ClusterBits">Blocks of a cluster, as a power of two.</param>
/// <param name="RowBits">Positions that a block takes at once, as a power of two.</param>
/// <param name="PartBits">Parts in which a block's rows are added, as a power of two.</param>
/// <param name="Threads">Threads of a block.</param>
/// <param name="SharedBytes">Dynamic shared memory of a block.</param>
internal readonly record struct GroupNormForm(int Bundle, int Packs, int ClusterBits, int RowBits, int PartBits, int Threads, int SharedBytes)
{
    private const int PackBytes = 16;
    private const int SectorBytes = 32; // what memory moves at least
    private const int Kept = 8; // packs that a thread holds, as in the kernel
    private const int MaxThreads = 640; // as many as the kernel is compiled for
    private const int HalfThreads = 320; // two such blocks fit a multiprocessor
    private const int MaxClusterBits = 3; // more blocks together are not to be had on every device
    private const int SampleBlocks = 64; // a guided step has two samples: all of a large device's multiprocessors

    /// <summary>The form for a sample, or null where only <c>group_norm_plain.cu</c> can take it.</summary>
    /// <param name="storage">Type of the operands.</param>
    /// <param name="positions">Of a sample, 1 or more.</param>
    /// <param name="width">Channels of a group.</param>
    /// <param name="groups">Of all channels.</param>
    /// <param name="clusters">Whether the device has clusters of blocks.</param>
    public static GroupNormForm? For(DType storage, int positions, int width, int groups, bool clusters)
    {
        int pack = PackBytes / storage.Size();
        int bundle = pack / Gcd(width, pack);
        bool isTwoAtMost = width >= pack - 1 || 2 * width == pack; // groups whose channels a pack holds
        if (!isTwoAtMost || groups % bundle != 0 || (long)bundle * width > MaxThreads * pack)
            return null;
        while (bundle * width * storage.Size() < SectorBytes && groups % (2 * bundle) == 0)
            bundle *= 2;
        int packs = bundle * width / pack, bundles = groups / bundle;

        // Blocks share a bundle until there are enough of them and they can hold it, or each has but few packs.
        int clusterBits = 0;
        while (clusters && clusterBits < MaxClusterBits && Share() > 2 * HalfThreads && (bundles << clusterBits < SampleBlocks || Share() > Kept * HalfThreads))
            clusterBits++;
        int most = Share() > Kept * HalfThreads ? MaxThreads : HalfThreads, own = ((positions - 1) >> clusterBits) + 1, rowBits = 0;
        while (2 << rowBits <= most / packs && 1 << rowBits < own)
            rowBits++;

        // A lane joins what one part of one block found, and a warp has 32.
        int partBits = 0;
        while (2 << partBits << 5 <= 1 << rowBits && 2 << partBits << clusterBits <= 32)
            partBits++;
        int threads = ((packs << rowBits) + 31) / 32 * 32;
        int floats = (2 * bundle * width) + (4 * (packs << rowBits)) + ((bundle << partBits) * 3) + (bundle * 2);
        return new(bundle, packs, clusterBits, rowBits, partBits, threads, floats * sizeof(float));

        long Share() => (long)positions * packs >> clusterBits; // of a block, in packs
    }

    private static int Gcd(int a, int b) => b == 0 ? a : Gcd(b, a % b);
}
