using System.Buffers.Binary;
using System.Text;

namespace AudioToken.Testing.Torch;

/// <summary>A ZIP archive as torch writes it: entries stored, sizes behind the data, data at multiples of 64. Its fields can be made to lie.</summary>
public sealed class ZipBytes(Stream stream)
{
    private readonly List<Entry> _entries = [];

    /// <summary>Sizes and places in 64 bits, as torch writes them beyond 4 GiB.</summary>
    public bool Zip64 { get; init; }

    /// <summary>A comment at the archive's end.</summary>
    public string Comment { get; init; } = "";

    /// <summary>What the end record says of the number of entries; the truth if null.</summary>
    public ushort? ClaimedCount { get; init; }

    /// <summary>Adds an entry.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="data">Its content.</param>
    /// <param name="method">Compression method that both headers claim.</param>
    /// <param name="flags">General purpose flags.</param>
    /// <param name="claimed">Length that the directory claims; the truth if null.</param>
    /// <param name="place">Place of the header that the directory claims; the truth if null.</param>
    public void Add(string name, ReadOnlySpan<byte> data, ushort method = 0, ushort flags = 0x0808, long? claimed = null, long? place = null)
    {
        long start = Begin(name, method, flags);
        stream.Write(data);
        End(name, start, data.Length, Crc32(data), method, flags, claimed, place);
    }

    /// <summary>Adds an entry too long for memory.</summary>
    public void Add(string name, Action<Stream> write)
    {
        long start = Begin(name, 0, 0x0808);
        long dataStart = stream.Position;
        write(stream);
        End(name, start, stream.Position - dataStart, 0, 0, 0x0808, null, null); // nobody here reads the checksum
    }

    /// <summary>Writes the directory.</summary>
    public void Finish()
    {
        long start = stream.Position;
        foreach (Entry entry in _entries)
            WriteCentral(entry);
        long length = stream.Position - start;
        if (Zip64)
            WriteEnd64(start, length);
        byte[] comment = Encoding.UTF8.GetBytes(Comment);
        Span<byte> end = stackalloc byte[22];
        "PK\u0005\u0006"u8.CopyTo(end);
        ushort count = ClaimedCount ?? (Zip64 ? ushort.MaxValue : (ushort)_entries.Count);
        BinaryPrimitives.WriteUInt16LittleEndian(end[8..], count);
        BinaryPrimitives.WriteUInt16LittleEndian(end[10..], count);
        BinaryPrimitives.WriteUInt32LittleEndian(end[12..], Zip64 ? uint.MaxValue : (uint)length);
        BinaryPrimitives.WriteUInt32LittleEndian(end[16..], Zip64 ? uint.MaxValue : (uint)start);
        BinaryPrimitives.WriteUInt16LittleEndian(end[20..], (ushort)comment.Length);
        stream.Write(end);
        stream.Write(comment);
    }

    private long Begin(string name, ushort method, ushort flags)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(name);
        long start = stream.Position;
        int padding = (int)((64 - (start + 34 + utf8.Length) % 64) % 64);
        byte[] header = new byte[34 + utf8.Length + padding];
        "PK\u0003\u0004"u8.CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(6), flags);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), method);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(26), (ushort)utf8.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(28), (ushort)(4 + padding));
        utf8.CopyTo(header, 30);
        Span<byte> extra = header.AsSpan(30 + utf8.Length);
        "FB"u8.CopyTo(extra);
        BinaryPrimitives.WriteUInt16LittleEndian(extra[2..], (ushort)padding);
        extra[4..].Fill((byte)'Z');
        stream.Write(header);
        return start;
    }

    private void End(string name, long start, long length, uint crc, ushort method, ushort flags, long? claimed, long? place)
    {
        Span<byte> descriptor = stackalloc byte[16];
        "PK\u0007\u0008"u8.CopyTo(descriptor);
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor[4..], crc);
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor[8..], (uint)length);
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor[12..], (uint)length);
        stream.Write(descriptor);
        _entries.Add(new Entry(name, place ?? start, claimed ?? length, crc, method, flags));
    }

    private void WriteCentral(Entry entry)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(entry.Name);
        byte[] record = new byte[46 + utf8.Length + (Zip64 ? 28 : 0)];
        "PK\u0001\u0002"u8.CopyTo(record);
        Span<byte> fields = record;
        BinaryPrimitives.WriteUInt16LittleEndian(fields[8..], entry.Flags);
        BinaryPrimitives.WriteUInt16LittleEndian(fields[10..], entry.Method);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[16..], entry.Crc);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[20..], Zip64 ? uint.MaxValue : (uint)entry.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[24..], Zip64 ? uint.MaxValue : (uint)entry.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(fields[28..], (ushort)utf8.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(fields[30..], (ushort)(Zip64 ? 28 : 0));
        BinaryPrimitives.WriteUInt32LittleEndian(fields[42..], Zip64 ? uint.MaxValue : (uint)entry.Start);
        utf8.CopyTo(record, 46);
        if (Zip64)
        {
            Span<byte> extra = fields[(46 + utf8.Length)..];
            BinaryPrimitives.WriteUInt16LittleEndian(extra, 1);
            BinaryPrimitives.WriteUInt16LittleEndian(extra[2..], 24);
            BinaryPrimitives.WriteInt64LittleEndian(extra[4..], entry.Length);
            BinaryPrimitives.WriteInt64LittleEndian(extra[12..], entry.Length);
            BinaryPrimitives.WriteInt64LittleEndian(extra[20..], entry.Start);
        }

        stream.Write(record);
    }

    private void WriteEnd64(long start, long length)
    {
        long place = stream.Position;
        Span<byte> end = stackalloc byte[56 + 20];
        "PK\u0006\u0006"u8.CopyTo(end);
        BinaryPrimitives.WriteInt64LittleEndian(end[4..], 44);
        BinaryPrimitives.WriteInt64LittleEndian(end[24..], _entries.Count);
        BinaryPrimitives.WriteInt64LittleEndian(end[32..], _entries.Count);
        BinaryPrimitives.WriteInt64LittleEndian(end[40..], length);
        BinaryPrimitives.WriteInt64LittleEndian(end[48..], start);
        "PK\u0006\u0007"u8.CopyTo(end[56..]);
        BinaryPrimitives.WriteInt64LittleEndian(end[64..], place);
        BinaryPrimitives.WriteInt32LittleEndian(end[72..], 1);
        stream.Write(end);
    }

    private static uint Crc32(ReadOnlySpan<byte> data)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in data)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1)));
        }

        return ~crc;
    }

    private sealed record Entry(string Name, long Start, long Length, uint Crc, ushort Method, ushort Flags);
}
