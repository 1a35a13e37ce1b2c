using AudioToken.Tensors;
using Microsoft.Win32.SafeHandles;

namespace AudioToken.Weights;

/// <summary>A safetensors file opened for reading: the header checked whole, tensors read when asked for.</summary>
/// <remarks>
/// <para>Format: huggingface/safetensors. All its rules are enforced when the file is opened, those included that the reference reader
/// leaves out (no duplicate keys, a leading brace); nothing is allocated on the file's word before it is held against the file's size.</para>
/// <para>There are two ways to a tensor's bytes. <see cref="Find"/> and <see cref="ReadBytes(string)"/> read through the file handle at a
/// position. Loading a model goes that way, because a page of a memory map whose file another process has truncated kills the reader with
/// SIGBUS, which no .NET code can catch, while a short read is an exception with a name; the copy that this costs is made anyway, since
/// backends repack what they load. <see cref="Map"/> gives the bytes without a copy, for scans over whole files
/// (<see cref="TensorStatistics"/>) and for programs that know who writes to their files.</para>
/// <para>Reading is safe from any number of threads.</para>
/// </remarks>
public sealed class SafetensorsFile : TensorCollection
{
    /// <summary>The key under which a header keeps its map of strings.</summary>
    internal const string MetadataKey = "__metadata__";

    private readonly SafeFileHandle _handle;
    private readonly SafetensorsHeader _header;
    private readonly Dictionary<string, StoredTensor> _entries;

    private SafetensorsFile(string path, string description, SafeFileHandle handle, long length)
    {
        Path = path;
        Description = description;
        Length = length;
        _handle = handle;
        _header = SafetensorsHeader.Read(description, handle, length);
        _entries = _header.Tensors.ToDictionary(tensor => tensor.Name);
    }

    /// <summary>Where the file is, as it was opened.</summary>
    public string Path { get; }

    /// <inheritdoc/>
    public override string Description { get; }

    /// <summary>Bytes of the file when it was opened.</summary>
    public long Length { get; }

    /// <inheritdoc/>
    public override IEnumerable<string> Names => _header.Tensors.Select(tensor => tensor.Name);

    /// <summary>What the header says of each tensor, in order of their data; types that cannot be read are listed too.</summary>
    public IReadOnlyList<StoredTensor> Tensors => _header.Tensors;

    /// <summary>The <c>__metadata__</c> map; empty where there is none.</summary>
    public override IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <summary>Opens a file, reads its header and checks it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="description">What to call it in messages; its base name if null.</param>
    /// <exception cref="WeightFileException">The file is no safetensors file, or breaks a rule of the format.</exception>
    /// <exception cref="AudioTokenException">The file cannot be read (8101).</exception>
    public static SafetensorsFile Open(string path, string? description = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!BitConverter.IsLittleEndian)
            throw new PlatformNotSupportedException("Safetensors files are little-endian and are read as they lie.");
        description ??= System.IO.Path.GetFileName(path);
        SafeFileHandle handle = FileOpening.Open(path, description);
        try
        {
            return new SafetensorsFile(path, description, handle, RandomAccess.GetLength(handle));
        }
        catch (Exception exception)
        {
            handle.Dispose();
            if (FileErrors.IsFileError(exception) || exception is NotSupportedException)
                throw FileErrors.CannotRead(path, exception); // a pipe or a device has no positions to read from
            throw;
        }
    }

    /// <summary>The tensor of that name, or null.</summary>
    /// <exception cref="WeightFileException">It is there, but of a type or rank that this library does not read (4107).</exception>
    public override WeightSource? Find(string name) => _entries.TryGetValue(name, out StoredTensor? entry) ? new FileSource(this, entry) : null;

    /// <summary>The bytes of a tensor as they lie in the file.</summary>
    /// <exception cref="KeyNotFoundException">There is no tensor of that name.</exception>
    /// <exception cref="WeightFileException">The tensor is larger than an array can be, or the file shrank.</exception>
    public byte[] ReadBytes(string name)
    {
        StoredTensor entry = Entry(name);
        if (entry.ByteCount > Array.MaxLength)
            throw Unsupported(entry, $"is {entry.ByteCount:N0} bytes, more than one array holds");
        byte[] bytes = new byte[entry.ByteCount];
        ReadBytes(entry, 0, bytes);
        return bytes;
    }

    /// <summary>Maps a tensor into memory without copying it. Whoever shortens the file while the span is used ends this process.</summary>
    /// <exception cref="KeyNotFoundException">There is no tensor of that name.</exception>
    /// <exception cref="AudioTokenException">The file shrank, or the map cannot be made.</exception>
    public MappedTensor Map(string name)
    {
        StoredTensor entry = Entry(name);
        return new MappedTensor(_handle, Description, entry, _header.DataStart + entry.Begin);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _handle.Dispose();
        base.Dispose(disposing);
    }

    private StoredTensor Entry(string name) =>
        _entries.TryGetValue(name, out StoredTensor? entry) ? entry : throw new KeyNotFoundException($"{Description} has no '{name}'.");

    private void ReadBytes(StoredTensor entry, long start, Span<byte> destination) =>
        PositionalReader.ReadTensor(_handle, destination, _header.DataStart + entry.Begin + start, Description, entry.Name);

    private WeightFileException Unsupported(StoredTensor entry, string why) => new(ErrorCode.Unsupported, Description,
        $"tensor {WeightFileException.Quote(entry.Name)} is {entry}: {why}.", "Convert the file to F32, F16 or BF16 first.");

    private sealed class FileSource : StoredWeightSource
    {
        private readonly SafetensorsFile _file;
        private readonly StoredTensor _entry;

        public FileSource(SafetensorsFile file, StoredTensor entry)
            : base(
                entry.Name,
                entry.Shape ?? throw file.Unsupported(entry, $"at most {Shape.MaxRank} extents of 2^31 - 1 are read here"),
                entry.DType ?? throw file.Unsupported(entry, "elements of this type are not read here"))
        {
            _file = file;
            _entry = entry;
        }

        public override void ReadBytes(long start, Span<byte> destination)
        {
            RequireBytes(start, destination.Length);
            _file.ReadBytes(_entry, start, destination);
        }
    }
}
