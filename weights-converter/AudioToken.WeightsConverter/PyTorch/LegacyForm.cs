using System.Buffers.Binary;
using System.Numerics;
using AudioToken.Weights;
using AudioToken.WeightsConverter.PyTorch.Pickle;
using Microsoft.Win32.SafeHandles;

namespace AudioToken.WeightsConverter.PyTorch;

/// <summary>The form before torch 1.6: five pickles (magic number, protocol, system, value, storage keys), then each storage as a 64-bit count
/// of elements and its bytes.</summary>
/// <remarks>Source: pytorch/pytorch, torch/serialization.py, _legacy_load.</remarks>
internal static class LegacyForm
{
    private const int Protocol = 1001;

    private static readonly BigInteger s_magic = BigInteger.Parse("1950A86A20F9469CFC6C", System.Globalization.NumberStyles.HexNumber, System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>How such a file begins: protocol 2, and the magic number as LONG1.</summary>
    public static ReadOnlySpan<byte> Magic => [0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19];

    public static PickledCheckpoint Read(SafeFileHandle handle, string file, long fileLength, SortedDictionary<string, PickleGlobal> globals)
    {
        long position = 0;
        if (Next().Value is not BigInteger magic || magic != s_magic)
            throw Bad("the magic number of torch.save is not there");
        if (Next().Value is not long protocol || protocol != Protocol)
            throw Bad($"the protocol is not {Protocol}");
        if (Next().Value is not PickleMapping system)
            throw Bad("the description of the system is no dictionary");
        if (system.Find("little_endian") is not true)
        {
            throw new WeightFileException(ErrorCode.OtherForm, file, "it was written on a big-endian machine; only little-endian files are read.",
                "Load and save it again on an ordinary machine.");
        }

        (object? root, IReadOnlyDictionary<string, StorageReference> storages) = Next();
        if (Next().Value is not PickleSequence keys)
            throw Bad("the list of storages is not there");

        Dictionary<string, StorageExtent> extents = [];
        Span<byte> head = stackalloc byte[8];
        foreach (object? item in keys.Items)
        {
            if (item is not string key || !storages.TryGetValue(key, out StorageReference? storage))
                throw Bad($"the list of storages names {WeightFileException.Quote(item?.ToString() ?? "None")}, which no tensor uses");
            if (position > fileLength - head.Length)
                throw CutShort((Int128)position + head.Length, key);
            PositionalReader.ReadExactly(handle, head, position, file, "a storage");
            long count = BinaryPrimitives.ReadInt64LittleEndian(head);
            if (count != storage.Count)
                throw Bad($"storage {WeightFileException.Quote(key)} has {count} elements according to its data and {storage.Count} according to the pickle");
            Int128 length = (Int128)count * storage.Type.Size;
            position += head.Length;
            if (length > fileLength - position)
                throw CutShort(position + length, key);
            if (!extents.TryAdd(key, new StorageExtent(position, (long)length, $"storage {key}")))
                throw Bad($"the list of storages names {WeightFileException.Quote(key)} twice");
            position += (long)length;
        }

        return new PickledCheckpoint(root, extents);

        (object? Value, IReadOnlyDictionary<string, StorageReference> Storages) Next()
        {
            PickleReader reader = new(handle, file, position, fileLength);
            PickleMachine machine = new(reader, globals);
            object? value = machine.Run();
            position = reader.Position;
            return (value, machine.Storages);
        }

        WeightFileException Bad(string what) => new(ErrorCode.Pickle, file, FormattableString.Invariant($"at byte {position}: {what}."), "Damaged, or not written by torch.");

        WeightFileException CutShort(Int128 needed, string key) => new(ErrorCode.CutShort, file,
            FormattableString.Invariant($"needs {needed:N0} bytes to hold storage {WeightFileException.Quote(key)}, has {fileLength:N0}: download again."), "An interrupted download.");
    }
}
