using AudioToken.Backends.Cuda.Driver;
using AudioToken.Backends.Cuda.Memory;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

// What products tell of their results, and the norm that takes it.
public sealed unsafe partial class CudaOps
{
    private const int MomentsAlignment = 256; // bytes
    private const int LeastMomentRows = 64; // as in common/product.cuh
    private const int MostMomentTiles = 1024; // of a sample; the moments of more would not fit a block of the norm

    /// <summary>A tensor for a product's result, with room for its moments where a norm follows and all tiles, or runs of 64 rows, are whole and lie in one sample.</summary>
    /// <param name="shape">[samples, ..., C].</param>
    /// <param name="epilogue">The product's.</param>
    /// <param name="tile">Of each of the products.</param>
    /// <param name="products">Whose rows, as many of each, are those of the result.</param>
    private Tensor AllocateResult(Shape shape, in Epilogue epilogue, ProductTile tile, int products = 1)
    {
        int positions = shape.Rank > 1 && shape[0] > 0 ? RowsOf(shape) / shape[0] : 0, own = positions / products, rows = own % tile.Rows == 0 ? tile.Rows : LeastMomentRows;
        return epilogue.NormFollows && epilogue.Activation != Activation.Geglu && positions / rows is > 0 and <= MostMomentTiles && own % rows == 0
            ? AllocateTold(shape, _storage, positions, rows)
            : Allocate(shape, _storage);
    }

    /// <summary>A tensor [samples, ..., C] with room for the moments of tiles of so many positions behind it.</summary>
    private Tensor AllocateTold(Shape shape, DType dtype, int positions, int tile)
    {
        long start = checked(shape.Count * dtype.Size() + MomentsAlignment - 1) / MomentsAlignment * MomentsAlignment;
        Tensor y = Allocate(shape, dtype, start + BytesOfMoments(shape.Count, tile));
        ((DeviceBlock)y.Storage).Moments = new(AddressOf(y) + (ulong)start, shape[0], positions, shape[^1], tile);
        return y;
    }

    private static long BytesOfMoments(long count, int tile) => count / tile * 2 * sizeof(float);

    /// <summary>What its maker told of a tensor [samples, ..., C] that is all of its block, whatever its shape was.</summary>
    private static ResultMoments? MomentsOf(in Tensor x) =>
        ((DeviceBlock)x.Storage).Moments is { } told && x.Offset == 0 && x.Shape[0] == told.Samples && x.Shape[^1] == told.Channels &&
        x.Shape.Count == (long)told.Samples * told.Positions * told.Channels
            ? told
            : null;

    /// <summary>Launches the norm that takes the moments of its sources; false where they are not told, or too many.</summary>
    private bool LaunchMomentsNorm(in Tensor x, in Tensor skip, in NormAddresses at, int groups, float epsilon, Activation activation)
    {
        if (MomentsOf(x) is not { } told || (skip.IsEmpty ? told with { Address = 0, Channels = 0 } : MomentsOf(skip)) is not { } toldToo)
            return false;
        int width = (told.Channels + toldToo.Channels) / groups, tiles = told.Positions / Math.Min(told.Tile, toldToo.Tile);
        if (MomentsNormForm.For(_storage, told.Positions, width, groups, tiles, _context.Device) is not { } form)
            return false;
        KernelArguments arguments = default;
        arguments.Add(at.Result).Add(at.Main).Add(at.Second).Add(told.Address).Add(toldToo.Address).Add(at.Factors).Add(at.Offsets).Add(new MomentsNormOperands
        {
            Positions = told.Positions,
            Channels = told.Channels,
            SkipChannels = toldToo.Channels,
            Tile = told.Tile,
            SkipTile = toldToo.Tile,
            Share = form.Share,
            Width = width,
            Bundle = form.Bundle,
            Packs = form.Packs,
            WidthInverse = Inverse(width),
            PacksInverse = Inverse(form.Packs),
            Activation = (int)activation,
            Epsilon = epsilon,
        });
        Grid grid = new(groups / form.Bundle, Blocks(told.Positions, form.Share), told.Samples);
        Launch(Kernel("group_norm_moments", _storage), grid, form.Threads, form.SharedBytes, ref arguments);
        return true;
    }

    private readonly record struct NormAddresses(ulong Result, ulong Main, ulong Second, ulong Factors, ulong Offsets)
    {
        public ulong All => Result | Main | Second | Factors | Offsets;
    }

    // As MomentsNorm in group_norm_moments.cu.
    private struct MomentsNormOperands
    {
        public int Positions;
        public int Channels;
        public int SkipChannels;
        public int Tile;
        public int SkipTile;
        public int Share;
        public int Width;
        public int Bundle;
        public int Packs;
        public uint WidthInverse;
        public uint PacksInverse;
        public int Activation;
        public float Epsilon;
    }
}
