using System.Buffers;
using AudioToken.Weights;
using Microsoft.Win32.SafeHandles;

namespace AudioToken.WeightsConverter.PyTorch;

/// <summary>Reads single elements from all over a storage by way of a cache of small blocks.</summary>
/// <remarks>A transposed matrix is walked across its lines: without blocks each element would be a system call, with one large buffer it would
/// have to be as large as the tensor. A block holds the next elements of its line for the rows to come; their places are scattered by
/// multiplicative hashing, which spreads evenly strided lines over the slots.</remarks>
internal sealed class StorageBlocks(SafeFileHandle handle, string file, string name) : IDisposable
{
    private const int BlockBits = 10;
    private const int SlotBits = 13;
    private const int BlockBytes = 1 << BlockBits; // 8192 blocks of 1 KiB: 8 MiB

    private readonly byte[] _blocks = ArrayPool<byte>.Shared.Rent(BlockBytes << SlotBits);
    private readonly long[] _held = NoneHeld();
    private readonly int[] _lengths = new int[1 << SlotBits];

    public void Read(long position, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            long block = position >> BlockBits;
            int slot = (int)((ulong)block * 0x9E3779B97F4A7C15 >> (64 - SlotBits));
            Span<byte> held = _blocks.AsSpan(slot << BlockBits, BlockBytes);
            if (_held[slot] != block)
            {
                _held[slot] = -1;
                _lengths[slot] = PositionalReader.ReadUpTo(handle, held, block << BlockBits);
                _held[slot] = block;
            }

            int within = (int)(position & (BlockBytes - 1));
            int count = Math.Min(destination.Length, BlockBytes - within);
            if (within + count > _lengths[slot])
                throw PositionalReader.Shrank(file, WeightFileException.Quote(name), position + destination.Length, (block << BlockBits) + _lengths[slot]);
            held.Slice(within, count).CopyTo(destination);
            destination = destination[count..];
            position += count;
        }
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(_blocks);

    private static long[] NoneHeld()
    {
        long[] held = new long[1 << SlotBits];
        Array.Fill(held, -1);
        return held;
    }
}
