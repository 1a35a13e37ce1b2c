using System.Buffers.Binary;
using System.Text;
using AudioToken.Weights;
using Microsoft.Win32.SafeHandles;

namespace AudioToken.WeightsConverter.PyTorch;

/// <summary>The entries of a ZIP archive as torch writes it, read from its central directory and held against their own headers.</summary>
/// <remarks>Source: PKWARE's APPNOTE, 4.3. Stored entries only: nothing is ever inflated, and no entry is ever written under its name. Local
/// headers of torch have no sizes (they stand behind the data), and pad themselves so that the data begins at a multiple of 64.</remarks>
internal sealed class ZipDirectory
{
    private const int MaxEntries = 65_536;
    private const int MaxDirectoryBytes = 8 << 20;
    private const int EndLength = 22;
    private const int CommentLength = ushort.MaxValue;
    private const int End64LocatorLength = 20;
    private const int End64Length = 56;
    private const int CentralLength = 46;
    private const int LocalLength = 30;
    private const int MaxNameLength = 4096;

    private static readonly UTF8Encoding s_strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly SafeFileHandle _handle;
    private readonly string _file;
    private readonly long _fileLength;
    private readonly Dictionary<string, ZipEntry> _entries = [];
    private long _start; // of the directory

    private ZipDirectory(SafeFileHandle handle, string file, long fileLength)
    {
        _handle = handle;
        _file = file;
        _fileLength = fileLength;
    }

    /// <summary>All entries.</summary>
    public IReadOnlyCollection<ZipEntry> Entries => _entries.Values;

    /// <summary>Reads an archive's directory.</summary>
    /// <exception cref="WeightFileException">It is cut short, or malformed.</exception>
    public static ZipDirectory Read(SafeFileHandle handle, string file, long fileLength)
    {
        ZipDirectory directory = new(handle, file, fileLength);
        (long start, long length, long count, long end) = directory.Locate();
        directory._start = start;
        directory.ReadEntries(length, count, end);
        return directory;
    }

    /// <summary>The entry of that name, or null.</summary>
    public ZipEntry? Find(string name) => _entries.GetValueOrDefault(name);

    /// <summary>Requires every entry to be stored as it is, behind a header that says so, and in front of the next.</summary>
    /// <exception cref="WeightFileException">One is compressed, encrypted, elsewhere, or overlaps another.</exception>
    public void RequireStored()
    {
        ZipEntry[] ordered = [.. _entries.Values.OrderBy(entry => entry.HeaderStart)];
        byte[] buffer = new byte[LocalLength + MaxNameLength];
        for (int i = 0; i < ordered.Length; i++)
        {
            ZipEntry entry = ordered[i];
            string quoted = WeightFileException.Quote(entry.Name);
            if (entry.Encrypted)
                throw Bad(entry.HeaderStart, $"entry {quoted} is encrypted");
            if (entry.Method != 0 || entry.Packed != entry.Length)
                throw Bad(entry.HeaderStart, $"entry {quoted} is compressed (method {entry.Method}, {entry.Packed:N0} bytes for {entry.Length:N0}); torch stores its entries as they are, and nothing is unpacked here");
            entry.DataStart = FindData(entry, buffer);
            string next = i + 1 < ordered.Length ? $"entry {WeightFileException.Quote(ordered[i + 1].Name)}" : "the archive's directory";
            if (entry.DataStart > (i + 1 < ordered.Length ? ordered[i + 1].HeaderStart : _start) - entry.Length)
                throw Bad(entry.HeaderStart, $"entry {quoted} of {entry.Length:N0} bytes overlaps {next}");
        }
    }

    private long FindData(ZipEntry entry, byte[] buffer)
    {
        byte[] name = s_strictUtf8.GetBytes(entry.Name);
        Span<byte> header = buffer.AsSpan(0, LocalLength + name.Length);
        if (entry.HeaderStart > _fileLength - header.Length)
            throw Bad(entry.HeaderStart, $"entry {WeightFileException.Quote(entry.Name)} would not lie in the file");
        Fill(header, entry.HeaderStart);
        if (!header.StartsWith("PK\u0003\u0004"u8) || BinaryPrimitives.ReadUInt16LittleEndian(header[26..]) != name.Length || !header[LocalLength..].SequenceEqual(name))
            throw Bad(entry.HeaderStart, $"the header of entry {WeightFileException.Quote(entry.Name)} does not stand where the directory says");
        if (BinaryPrimitives.ReadUInt16LittleEndian(header[8..]) != 0)
            throw Bad(entry.HeaderStart, $"entry {WeightFileException.Quote(entry.Name)} is stored according to the directory and compressed according to its header");
        return entry.HeaderStart + header.Length + BinaryPrimitives.ReadUInt16LittleEndian(header[28..]);
    }

    // The end record is the last thing in the file but for a comment.
    private (long Start, long Length, long Count, long End) Locate()
    {
        byte[] tail = new byte[(int)Math.Min(_fileLength, EndLength + CommentLength)];
        long tailStart = _fileLength - tail.Length;
        Fill(tail, tailStart);
        for (int at = tail.Length - EndLength; at >= 0; at--)
        {
            ReadOnlySpan<byte> record = tail.AsSpan(at);
            if (!record.StartsWith("PK\u0005\u0006"u8) || BinaryPrimitives.ReadUInt16LittleEndian(record[20..]) != record.Length - EndLength)
                continue;
            ushort disk = BinaryPrimitives.ReadUInt16LittleEndian(record[4..]);
            long count = BinaryPrimitives.ReadUInt16LittleEndian(record[10..]);
            long length = BinaryPrimitives.ReadUInt32LittleEndian(record[12..]);
            long start = BinaryPrimitives.ReadUInt32LittleEndian(record[16..]);
            long end = tailStart + at;
            if (disk is not (0 or ushort.MaxValue))
                throw Bad(end, $"the archive is one of several volumes");
            return Locate64(end) ?? Check(start, length, count, end);
        }

        throw new WeightFileException(ErrorCode.CutShort, _file, FormattableString.Invariant(
            $"the file begins as a ZIP archive and ends, after {_fileLength:N0} bytes, without the archive's directory: it is cut short, download again."), "An interrupted download.");
    }

    private (long Start, long Length, long Count, long End)? Locate64(long end)
    {
        if (end < End64LocatorLength)
            return null;
        Span<byte> locator = stackalloc byte[End64LocatorLength];
        Fill(locator, end - End64LocatorLength);
        if (!locator.StartsWith("PK\u0006\u0007"u8))
            return null;
        ulong at = BinaryPrimitives.ReadUInt64LittleEndian(locator[8..]);
        if (at > (ulong)Math.Max(0, end - End64LocatorLength - End64Length))
            throw Bad(end - End64LocatorLength, $"the ZIP64 end record would not lie in the file");
        Span<byte> record = stackalloc byte[End64Length];
        Fill(record, (long)at);
        if (!record.StartsWith("PK\u0006\u0006"u8))
            throw Bad((long)at, $"there is no ZIP64 end record where one is announced");
        return Check(
            Signed(BinaryPrimitives.ReadUInt64LittleEndian(record[48..]), (long)at),
            Signed(BinaryPrimitives.ReadUInt64LittleEndian(record[40..]), (long)at),
            Signed(BinaryPrimitives.ReadUInt64LittleEndian(record[32..]), (long)at),
            (long)at);
    }

    private (long Start, long Length, long Count, long End) Check(long start, long length, long count, long end)
    {
        if (count > MaxEntries)
            throw Bad(end, $"the archive has {count:N0} entries, at most {MaxEntries:N0} are read");
        if (length > MaxDirectoryBytes || length < count * CentralLength || start > end - length)
            throw Bad(end, $"the archive's directory would be {length:N0} bytes from byte {start:N0} on, for {count:N0} entries");
        return (start, length, count, end);
    }

    private void ReadEntries(long length, long count, long end)
    {
        byte[] directory = new byte[length];
        Fill(directory, _start);
        int at = 0;
        for (long i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> record = directory.AsSpan(at);
            if (record.Length < CentralLength || !record.StartsWith("PK\u0001\u0002"u8))
                throw Bad(_start + at, $"entry {i} of the archive's directory is not one");
            int nameLength = BinaryPrimitives.ReadUInt16LittleEndian(record[28..]);
            int extraLength = BinaryPrimitives.ReadUInt16LittleEndian(record[30..]);
            int recordLength = CentralLength + nameLength + extraLength + BinaryPrimitives.ReadUInt16LittleEndian(record[32..]);
            if (recordLength > record.Length)
                throw Bad(_start + at, $"entry {i} of the archive's directory does not lie in it");
            Add(record[..recordLength], nameLength, extraLength, _start + at);
            at += recordLength;
        }

        if (_start + at > end)
            throw Bad(_start, $"the archive's directory does not end before its end record");
    }

    private void Add(ReadOnlySpan<byte> record, int nameLength, int extraLength, long place)
    {
        string name = Name(record.Slice(CentralLength, nameLength), place);
        ushort flags = BinaryPrimitives.ReadUInt16LittleEndian(record[8..]);
        ushort method = BinaryPrimitives.ReadUInt16LittleEndian(record[10..]);
        long packed = BinaryPrimitives.ReadUInt32LittleEndian(record[20..]);
        long length = BinaryPrimitives.ReadUInt32LittleEndian(record[24..]);
        long header = BinaryPrimitives.ReadUInt32LittleEndian(record[42..]);
        ReadExtra64(record.Slice(CentralLength + nameLength, extraLength), ref length, ref packed, ref header, place);
        if (packed > _fileLength || header > _fileLength - LocalLength - packed)
            throw Bad(place, $"entry {WeightFileException.Quote(name)} of {packed:N0} bytes would not lie in the file");
        if (!_entries.TryAdd(name, new ZipEntry(name, header, packed, length, method, (flags & 1) != 0)))
            throw Bad(place, $"entry {WeightFileException.Quote(name)} stands twice in the archive's directory");
    }

    private string Name(ReadOnlySpan<byte> utf8, long place)
    {
        if (utf8.Length > MaxNameLength)
            throw Bad(place, $"an entry's name is {utf8.Length} bytes long");
        string name;
        try
        {
            name = s_strictUtf8.GetString(utf8);
        }
        catch (DecoderFallbackException)
        {
            throw Bad(place, $"an entry's name is not valid UTF-8");
        }

        // No name is ever used as a path; but who writes such a name means harm to somebody.
        if (name.StartsWith('/') || name.AsSpan().ContainsAny('\\', ':', '\0') || name.Split('/').Contains(".."))
            throw Bad(place, $"entry {WeightFileException.Quote(name)} is named so as to be written outside of a folder");
        return name;
    }

    // Sizes and place that do not fit 32 bits stand, in this order, in the extra field of id 1.
    private void ReadExtra64(ReadOnlySpan<byte> extra, ref long length, ref long packed, ref long header, long place)
    {
        ReadOnlySpan<byte> wide = [];
        while (extra.Length >= 4)
        {
            int size = BinaryPrimitives.ReadUInt16LittleEndian(extra[2..]);
            if (size > extra.Length - 4)
                break; // padding
            if (BinaryPrimitives.ReadUInt16LittleEndian(extra) == 1)
            {
                wide = extra.Slice(4, size);
                break;
            }

            extra = extra[(4 + size)..];
        }

        Widen(ref length, ref wide, place);
        Widen(ref packed, ref wide, place);
        Widen(ref header, ref wide, place);
    }

    private void Widen(ref long value, ref ReadOnlySpan<byte> wide, long place)
    {
        if (value != uint.MaxValue)
            return;
        if (wide.Length < 8)
            throw Bad(place, $"an entry wants 64-bit sizes and has none");
        value = Signed(BinaryPrimitives.ReadUInt64LittleEndian(wide), place);
        wide = wide[8..];
    }

    private long Signed(ulong value, long place) => value <= long.MaxValue ? (long)value : throw Bad(place, $"a 64-bit size is beyond 2^63");

    private void Fill(Span<byte> destination, long position) => PositionalReader.ReadExactly(_handle, destination, position, _file, "the archive's directory");

    private WeightFileException Bad(long place, FormattableString what) => new(ErrorCode.Archive, _file,
        FormattableString.Invariant($"at byte {place}: {FormattableString.Invariant(what)}."), "Damaged, or not written by torch: download it again.");
}
