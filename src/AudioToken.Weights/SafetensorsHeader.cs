using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace AudioToken.Weights;

/// <summary>The head of a safetensors file, read and checked against every rule of the format.</summary>
/// <remarks>
/// The format: 8 bytes little-endian length N, N bytes of JSON, data to the end of the file. The JSON is read in pieces through a
/// buffer that grows only as far as one name or one metadata value needs, so that a header's length is never taken on trust. Beyond the
/// format's own limit of 100,000,000 bytes ours are 65,536 tensors and 8 MiB of names and metadata: no checkpoint comes near them, and
/// they bound the memory that a hostile file can claim.
/// </remarks>
internal sealed class SafetensorsHeader
{
    public const int MaxLength = 100_000_000;
    public const int MaxTensors = 65_536;
    public const int MaxTextBytes = 8 << 20;

    private const int PrefixLength = 8;
    private const int FirstBuffer = 64 << 10;
    private const int MaxDepth = 8; // a legal header has three levels; what lies deeper is refused by name before this is met

    private readonly string _file;
    private readonly SafeFileHandle _handle;
    private readonly long _fileLength;

    private SafetensorsHeader(string file, SafeFileHandle handle, long fileLength)
    {
        _file = file;
        _handle = handle;
        _fileLength = fileLength;
    }

    /// <summary>The tensors in order of their data.</summary>
    public List<StoredTensor> Tensors { get; private set; } = [];

    /// <summary>The metadata map.</summary>
    public Dictionary<string, string> Metadata { get; private set; } = [];

    /// <summary>First byte of the data in the file.</summary>
    public long DataStart { get; private set; }

    /// <summary>Reads and checks a file's head.</summary>
    /// <exception cref="WeightFileException">The file breaks a rule.</exception>
    public static SafetensorsHeader Read(string file, SafeFileHandle handle, long fileLength)
    {
        SafetensorsHeader header = new(file, handle, fileLength);
        long length = header.ReadLength();
        header.DataStart = PrefixLength + length;
        header.Parse(length);
        header.CheckShapes();
        header.CheckOffsets();
        return header;
    }

    private long ReadLength()
    {
        Span<byte> head = stackalloc byte[FileKind.HeadLength];
        head = head[..PositionalReader.ReadUpTo(_handle, head, 0)];
        if (head.Length < PrefixLength)
            throw new WeightFileException(ErrorCode.NotSafetensors, _file, $"the file is {head.Length} bytes, a safetensors file has at least {PrefixLength}.", "An interrupted download? Download it again.");

        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(head);
        bool starts = head.Length > PrefixLength && head[PrefixLength] == (byte)'{';
        // Something else than safetensors gives a nonsense length or no brace; say what it is rather than what it is not.
        if ((length > MaxLength || !starts) && FileKind.Recognise(head) is { } kind)
            throw new WeightFileException(ErrorCode.NotSafetensors, _file, $"this is {kind.What}.", kind.Hint);
        if (length > MaxLength)
        {
            throw new WeightFileException(ErrorCode.NotSafetensors, _file,
                FormattableString.Invariant($"the header would be {length:N0} bytes long, at most {MaxLength:N0} are allowed."),
                "Not a safetensors file, or a damaged one.");
        }

        if (PrefixLength + (long)length > _fileLength)
            throw CutShort(PrefixLength + (long)length, "for the header alone");
        if (length < 2)
            throw Bad(PrefixLength, $"the header is {length} bytes long; the shortest is '{{}}'");
        if (!starts)
            throw Bad(PrefixLength, $"the header must start with '{{', found byte 0x{head[PrefixLength]:X2}");
        return (long)length;
    }

    private void Parse(long length)
    {
        SafetensorsHeaderParser parser = new(_file);
        JsonReaderState state = new(new JsonReaderOptions { MaxDepth = MaxDepth });
        byte[] buffer = new byte[Math.Min(FirstBuffer, length)];
        long parsed = 0; // bytes of the header that the reader has consumed
        int filled = 0;  // bytes in the buffer that it has not
        while (parsed < length)
        {
            int wanted = (int)Math.Min(buffer.Length, length - parsed);
            PositionalReader.ReadExactly(_handle, buffer.AsSpan(filled, wanted - filled), PrefixLength + parsed + filled, _file, "the header");
            filled = wanted;

            bool last = parsed + filled == length;
            Utf8JsonReader reader = new(buffer.AsSpan(0, filled), last, state);
            try
            {
                while (!parser.Done && reader.Read())
                    parser.Accept(ref reader, PrefixLength + parsed);
            }
            catch (JsonException exception)
            {
                throw Bad(PrefixLength + parsed + reader.BytesConsumed, $"the header is not valid JSON ({Reason(exception)})", exception);
            }
            catch (InvalidOperationException exception)
            {
                throw Bad(PrefixLength + parsed + reader.TokenStartIndex, "the header is not valid UTF-8", exception);
            }

            int consumed = (int)reader.BytesConsumed;
            state = reader.CurrentState;
            parsed += consumed;
            buffer.AsSpan(consumed, filled - consumed).CopyTo(buffer);
            filled -= consumed;
            if (parser.Done)
            {
                CheckPadding(buffer, filled, parsed, length);
                break;
            }

            if (consumed == 0 && !last)
                buffer = Grow(buffer, parsed);
        }

        if (!parser.Done)
            throw Bad(DataStart, "the header's JSON ends too early");
        (Tensors, Metadata) = (parser.Tensors, parser.Metadata);
    }

    private byte[] Grow(byte[] buffer, long parsed)
    {
        if (buffer.Length >= MaxTextBytes)
            throw Bad(PrefixLength + parsed, FormattableString.Invariant($"a single name or value is longer than {MaxTextBytes:N0} bytes"));
        Array.Resize(ref buffer, Math.Min(buffer.Length * 4, MaxTextBytes));
        return buffer;
    }

    private void CheckPadding(byte[] buffer, int filled, long parsed, long length)
    {
        while (true)
        {
            int odd = buffer.AsSpan(0, filled).IndexOfAnyExcept((byte)' ');
            if (odd >= 0)
                throw Bad(PrefixLength + parsed + odd, $"after the header's JSON only spaces may follow, found byte 0x{buffer[odd]:X2}");
            parsed += filled;
            if (parsed == length)
                return;
            filled = (int)Math.Min(buffer.Length, length - parsed);
            PositionalReader.ReadExactly(_handle, buffer.AsSpan(0, filled), PrefixLength + parsed, _file, "the header");
        }
    }

    private void CheckShapes()
    {
        foreach (StoredTensor tensor in Tensors)
        {
            long count = 1;
            foreach (long extent in tensor.Extents)
            {
                Int128 product = (Int128)count * extent;
                if (product > long.MaxValue)
                    throw Lie(tensor, $"has shape {tensor}, whose element count overflows 64 bits");
                count = (long)product;
            }

            if (tensor.ElementBits is not { } bits)
                continue; // an unknown type: its size is its own affair until somebody asks for it
            Int128 wanted = (Int128)count * bits;
            if (wanted != (Int128)tensor.ByteCount * 8)
            {
                throw Lie(tensor, string.Create(CultureInfo.InvariantCulture,
                    $"is {tensor}: {count} elements of {bits} bits are {wanted / 8} bytes, its offsets span {tensor.ByteCount}"));
            }
        }
    }

    private void CheckOffsets()
    {
        Tensors.Sort((left, right) => left.Begin != right.Begin ? left.Begin.CompareTo(right.Begin) : left.End.CompareTo(right.End));
        long end = 0;
        StoredTensor? before = null;
        foreach (StoredTensor tensor in Tensors)
        {
            if (tensor.Begin != end)
            {
                string after = before is null ? "the data" : WeightFileException.Quote(before.Name);
                string place = before is null ? "begins at byte 0" : $"ends at byte {end}";
                throw Lie(tensor, tensor.Begin < end
                    ? $"begins at byte {tensor.Begin} and overlaps {after}, which {place}"
                    : $"begins at byte {tensor.Begin} and leaves a hole after {after}, which {place}");
            }

            (end, before) = (tensor.End, tensor);
        }

        long available = _fileLength - DataStart;
        if (end > available)
            throw CutShort((Int128)DataStart + end, $"to hold {WeightFileException.Quote(before!.Name)}, its last tensor");
        if (end < available)
        {
            throw new WeightFileException(ErrorCode.Layout, _file, string.Create(CultureInfo.InvariantCulture,
                $"{available - end:N0} bytes follow the last tensor; the file should end at byte {DataStart + end:N0} and has {_fileLength:N0}."),
                "Damaged, or two files written one after the other: download it again.");
        }
    }

    private WeightFileException CutShort(Int128 needed, string purpose) => new(ErrorCode.CutShort, _file,
        string.Create(CultureInfo.InvariantCulture, $"needs {needed:N0} bytes {purpose}, has {_fileLength:N0}: download again."),
        "An interrupted download, or not a safetensors file.");

    private WeightFileException Bad(long position, string what, Exception? inner = null) => new(ErrorCode.Header, _file,
        string.Create(CultureInfo.InvariantCulture, $"at byte {position}: {what}."), "Damaged, or not a safetensors file.", inner);

    private WeightFileException Lie(StoredTensor tensor, string what) =>
        new(ErrorCode.Layout, _file, $"tensor {WeightFileException.Quote(tensor.Name)} {what}.", "Damaged, or written by faulty software.");

    // System.Text.Json ends its sentence with a line and column of its own; our byte offset says it better.
    private static string Reason(JsonException exception)
    {
        int end = exception.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return (end < 0 ? exception.Message : exception.Message[..end]).TrimEnd('.');
    }
}
