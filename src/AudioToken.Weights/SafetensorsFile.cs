using System.Buffers.Binary;
using System.Text.Json;
using AudioToken.Tensors;
using Microsoft.Win32.SafeHandles;

namespace AudioToken.Weights;

/// <summary>A safetensors file opened for reading.</summary>
public sealed class SafetensorsFile : TensorCollection
{
    private readonly SafeFileHandle _handle;
    private readonly Dictionary<string, Entry> _entries = [];

    private SafetensorsFile(string path, SafeFileHandle handle)
    {
        Description = System.IO.Path.GetFileName(path);
        _handle = handle;
    }

    /// <inheritdoc/>
    public override string Description { get; }

    /// <inheritdoc/>
    public override IEnumerable<string> Names => _entries.Keys;

    /// <summary>The <c>__metadata__</c> map.</summary>
    public Dictionary<string, string> Metadata { get; } = [];

    /// <summary>Opens a file and reads its header.</summary>
    public static SafetensorsFile Open(string path)
    {
        SafeFileHandle handle = File.OpenHandle(path);
        SafetensorsFile file = new(path, handle);
        byte[] prefix = new byte[8];
        RandomAccess.Read(handle, prefix, 0);
        long headerLength = BinaryPrimitives.ReadInt64LittleEndian(prefix);
        byte[] header = new byte[headerLength];
        RandomAccess.Read(handle, header, 8);
        using JsonDocument json = JsonDocument.Parse(header);
        foreach (JsonProperty property in json.RootElement.EnumerateObject())
        {
            if (property.Name == "__metadata__")
            {
                foreach (JsonProperty pair in property.Value.EnumerateObject())
                    file.Metadata[pair.Name] = pair.Value.GetString()!;
                continue;
            }

            int[] shape = [.. property.Value.GetProperty("shape").EnumerateArray().Select(extent => extent.GetInt32())];
            file._entries[property.Name] = new Entry(
                Enum.Parse<DType>(property.Value.GetProperty("dtype").GetString()!),
                new Shape(shape),
                8 + headerLength + property.Value.GetProperty("data_offsets")[0].GetInt64());
        }

        return file;
    }

    /// <inheritdoc/>
    public override WeightSource? Find(string name) => _entries.TryGetValue(name, out Entry? entry) ? new FileSource(this, name, entry) : null;

    /// <summary>The bytes of a tensor as they lie in the file.</summary>
    public byte[] ReadBytes(string name)
    {
        Entry entry = _entries[name];
        byte[] bytes = new byte[entry.Shape.Count * entry.DType.Size()];
        RandomAccess.Read(_handle, bytes, entry.Position);
        return bytes;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _handle.Dispose();
        base.Dispose(disposing);
    }

    private sealed record Entry(DType DType, Shape Shape, long Position);

    private sealed class FileSource(SafetensorsFile file, string name, Entry entry) : WeightSource(name, entry.Shape, entry.DType)
    {
        public override void Read(long start, Span<float> destination)
        {
            byte[] bytes = new byte[destination.Length * DType.Size()];
            RandomAccess.Read(file._handle, bytes, entry.Position + start * DType.Size());
            for (int i = 0; i < destination.Length; i++)
            {
                destination[i] = DType switch
                {
                    DType.F32 => BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(i * 4)),
                    DType.F16 => (float)BinaryPrimitives.ReadHalfLittleEndian(bytes.AsSpan(i * 2)),
                    DType.BF16 => BitConverter.Int32BitsToSingle(BinaryPrimitives.ReadInt16LittleEndian(bytes.AsSpan(i * 2)) << 16),
                    DType.F64 => (float)BinaryPrimitives.ReadDoubleLittleEndian(bytes.AsSpan(i * 8)),
                    DType.I64 => BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(i * 8)),
                    _ => throw new NotSupportedException(DType.ToString()),
                };
            }
        }
    }
}
