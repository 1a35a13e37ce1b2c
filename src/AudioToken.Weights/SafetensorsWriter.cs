using System.Buffers;
using System.Buffers.Binary;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>Collects tensors and writes them to a safetensors file, whole or not at all, the same bytes for the same tensors.</summary>
/// <remarks>Tensors are written in order of descending element size, then by name; metadata by key; the header is padded with spaces so
/// that the data begins at a multiple of 8. So every tensor is aligned to its element, and no clock, path or hash seed reaches the file.
/// Values given as spans are copied when added; a <see cref="WeightSource"/> is read when the file is written, a piece at a time.</remarks>
public sealed class SafetensorsWriter
{
    private const int Piece = 64 << 10; // elements converted at a time

    private static readonly UTF8Encoding s_strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly SortedDictionary<string, Item> _items = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, string> _metadata = new(StringComparer.Ordinal);

    private delegate void ContentWriter(Stream stream);

    /// <summary>Number of tensors added.</summary>
    public int Count => _items.Count;

    /// <summary>Bytes of all tensors added, as they will be written; the header comes on top.</summary>
    public long DataLength => _items.Values.Sum(item => item.ByteCount);

    /// <summary>Sets an entry of <c>__metadata__</c>.</summary>
    public void SetMetadata(string key, string value)
    {
        RequireText(key);
        RequireText(value);
        _metadata[key] = value;
    }

    /// <summary>Adds float values, copied now, rounded to nearest even when written as F16 or BF16.</summary>
    /// <exception cref="ArgumentException">The name is taken, or count and shape differ.</exception>
    public void Add(string name, Shape shape, ReadOnlySpan<float> values, DType dtype = DType.F32)
    {
        if (values.Length != shape.Count)
            throw new ArgumentException($"{name}: {values.Length} values for shape {shape}.", nameof(values));
        Add(new ArrayWeightSource(name, shape, values.ToArray()), dtype);
    }

    /// <summary>Adds 64-bit integers, copied now.</summary>
    public void Add(string name, Shape shape, ReadOnlySpan<long> values) => Add(name, shape, DType.I64, MemoryMarshal.AsBytes(values));

    /// <summary>Adds 32-bit integers, copied now.</summary>
    public void Add(string name, Shape shape, ReadOnlySpan<int> values) => Add(name, shape, DType.I32, MemoryMarshal.AsBytes(values));

    /// <summary>Adds bytes, copied now: one dimension, U8. How whole files travel inside a checkpoint.</summary>
    public void Add(string name, ReadOnlySpan<byte> values) => Add(name, [values.Length], DType.U8, values);

    /// <summary>Adds elements of any type as they are stored (row-major, little-endian), copied now.</summary>
    /// <exception cref="ArgumentException">The name is taken, or byte count, type and shape differ.</exception>
    public void Add(string name, Shape shape, DType dtype, ReadOnlySpan<byte> stored)
    {
        if (stored.Length != shape.Count * dtype.Size())
            throw new ArgumentException($"{name}: {stored.Length} bytes for {dtype} {shape}.", nameof(stored));
        byte[] copy = stored.ToArray();
        Add(name, shape, dtype, stream => stream.Write(copy));
    }

    /// <summary>Adds a parameter, read when the file is written.</summary>
    /// <param name="source">The parameter.</param>
    /// <param name="dtype">F32, F16 or BF16 to convert to (to nearest even); null keeps the type, and the bytes to the last bit.</param>
    /// <param name="name">Its name in the new file; the old one if null.</param>
    /// <exception cref="ArgumentException">The name is taken, or the parameter cannot be written in that type.</exception>
    public void Add(WeightSource source, DType? dtype = null, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        DType target = dtype ?? source.DType;
        if (target == source.DType && source is StoredWeightSource stored)
            Add(name ?? source.Name, source.Shape, target, stream => CopyStored(stored, stream));
        else if (target is DType.F32 or DType.F16 or DType.BF16)
            Add(name ?? source.Name, source.Shape, target, stream => Convert(source, target, stream));
        else
            throw new ArgumentException($"{source.Name}: {source.DType} cannot be written as {target}; F32, F16 or BF16 can.", nameof(dtype));
    }

    /// <summary>Writes the file, whole or not at all.</summary>
    /// <exception cref="AudioTokenException">Writing failed (8102), or a source could not be read; what was at <paramref name="path"/> is untouched.</exception>
    /// <param name="path">The target.</param>
    /// <param name="progress">Told before each tensor; if it throws, the writing ends, and what was at the target is untouched then too.</param>
    public void Save(string path, IProgress<WriteProgress>? progress = null)
    {
        List<Item> order = Order();
        byte[] header = Header(order);
        AtomicFile.Write(path, stream => Write(stream, header, order, progress), header.Length + order.Sum(item => item.ByteCount));
    }

    /// <summary>Writes the file's content to a stream.</summary>
    public void Save(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        List<Item> order = Order();
        Write(stream, Header(order), order);
    }

    private static void Write(Stream stream, byte[] header, List<Item> order, IProgress<WriteProgress>? progress = null)
    {
        stream.Write(header);
        long total = order.Sum(item => item.ByteCount), written = 0;
        foreach (Item item in order)
        {
            progress?.Report(new WriteProgress(item.Name, written, total));
            item.Write(stream);
            written += item.ByteCount;
        }
    }

    private List<Item> Order() => [.. _items.Values.OrderByDescending(item => item.DType.Size()).ThenBy(item => item.Name, StringComparer.Ordinal)];

    private static void CopyStored(StoredWeightSource source, Stream stream)
    {
        const int piece = 1 << 20;
        long length = source.Shape.Count * source.DType.Size();
        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(piece, length));
        try
        {
            for (long done = 0; done < length; done += piece)
            {
                Span<byte> part = buffer.AsSpan(0, (int)Math.Min(piece, length - done));
                source.ReadBytes(done, part);
                stream.Write(part);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static void Convert(WeightSource source, DType target, Stream stream)
    {
        long count = source.Shape.Count;
        float[] values = ArrayPool<float>.Shared.Rent((int)Math.Min(Piece, count));
        byte[] stored = ArrayPool<byte>.Shared.Rent((int)Math.Min(Piece, count) * target.Size());
        try
        {
            for (long done = 0; done < count; done += Piece)
            {
                Span<float> part = values.AsSpan(0, (int)Math.Min(Piece, count - done));
                source.Read(done, part);
                RequireRepresentable(source, target, done, part);
                Span<byte> bytes = stored.AsSpan(0, part.Length * target.Size());
                ElementConversion.FromSingle(target, part, bytes);
                stream.Write(bytes);
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(values);
            ArrayPool<byte>.Shared.Return(stored);
        }
    }

    // Infinity where the source has a finite number would be a broken model that nobody was told about.
    private static void RequireRepresentable(WeightSource source, DType target, long start, ReadOnlySpan<float> values)
    {
        float limit = target switch
        {
            DType.F16 => 65520f, // from half a step above 65504 on, rounding to nearest gives infinity
            DType.BF16 => BitConverter.UInt32BitsToSingle(0x7F7F_8000),
            _ => float.PositiveInfinity,
        };
        if (values.IsEmpty || target == DType.F32 || MathF.Abs(TensorPrimitives.MaxMagnitude(values)) < limit)
            return;
        for (int i = 0; i < values.Length; i++)
        {
            if (float.IsFinite(values[i]) && Math.Abs(values[i]) >= limit)
            {
                throw new WeightFileException(ErrorCode.Unsupported, WeightFileException.Quote(source.Name),
                    FormattableString.Invariant($"the value {values[i]:g6} at index {start + i} is too large for {target}."), "Keep this model in F32 or BF16.");
            }
        }
    }

    private static void RequireText(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        try
        {
            _ = s_strictUtf8.GetByteCount(text);
        }
        catch (EncoderFallbackException exception)
        {
            throw new ArgumentException($"{WeightFileException.Quote(text)} is not valid Unicode.", nameof(text), exception);
        }
    }

    private void Add(string name, Shape shape, DType dtype, ContentWriter write)
    {
        RequireText(name);
        if (name == SafetensorsFile.MetadataKey)
            throw new ArgumentException($"No tensor can be called '{name}': the format keeps its metadata there.", nameof(name));
        if (!_items.TryAdd(name, new Item(name, shape, dtype, write)))
            throw new ArgumentException($"There is a tensor '{name}' already.", nameof(name));
    }

    /// <summary>Length and JSON, padded to a multiple of 8.</summary>
    private byte[] Header(List<Item> order)
    {
        using MemoryStream memory = new();
        memory.Write(stackalloc byte[8]);
        using (Utf8JsonWriter json = new(memory, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (_metadata.Count > 0)
            {
                json.WriteStartObject(SafetensorsFile.MetadataKey);
                foreach ((string key, string value) in _metadata)
                    json.WriteString(key, value);
                json.WriteEndObject();
            }

            long offset = 0;
            foreach (Item item in order)
            {
                json.WriteStartObject(item.Name);
                json.WriteString("dtype"u8, StoredTensor.NameOf(item.DType));
                json.WriteStartArray("shape"u8);
                foreach (int extent in item.Shape)
                    json.WriteNumberValue(extent);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets"u8);
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset = checked(offset + item.ByteCount));
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        while (memory.Length % 8 != 0)
            memory.WriteByte((byte)' ');
        byte[] header = memory.ToArray();
        if (header.Length - 8 > SafetensorsHeader.MaxLength)
            throw new InvalidOperationException($"The header would be {header.Length:N0} bytes; the format allows {SafetensorsHeader.MaxLength:N0}.");
        BinaryPrimitives.WriteInt64LittleEndian(header, header.Length - 8);
        return header;
    }

    private sealed record Item(string Name, Shape Shape, DType DType, ContentWriter Write)
    {
        public long ByteCount => checked(Shape.Count * DType.Size());
    }
}
