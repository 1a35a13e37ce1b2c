using AudioToken.Tensors;
using AudioToken.Weights;
using AudioToken.WeightsConverter.PyTorch.Pickle;
using Microsoft.Win32.SafeHandles;

namespace AudioToken.WeightsConverter.PyTorch;

/// <summary>A file of torch.save (.pt, .pth, .bin, .ckpt) opened for reading: its pickle played by a closed machine, tensors read when asked for.</summary>
/// <remarks>
/// <para>Nothing from the file is run: the pickle can make plain data, tensors and inert objects from a closed list of names, and a file that
/// names anything else is refused with that name. Everything a file declares is held against its size before memory is taken.</para>
/// <para>Tensors are found as torch's users lay them out: in the root dictionary, under <c>state_dict</c> (LDM) or under <c>model</c>
/// (BEATs); nested dictionaries give names joined by dots. They are read from the file a piece at a time, in row-major order, through
/// offset and strides; those that share a storage are read from it each. Types are those of the file; <see cref="WeightSource.Read"/>
/// gives floats, so F64 and wide integers are rounded to nearest there.</para>
/// <para>Reading is safe from any number of threads.</para>
/// </remarks>
public sealed class PyTorchFile : TensorCollection
{
    private const int MaxRepetition = 16; // bytes of all tensors to bytes of the file: shared storages are few

    private readonly SafeFileHandle _handle;
    private readonly Dictionary<string, PyTorchTensor> _tensors = [];

    private PyTorchFile(string path, string description, SafeFileHandle handle, long length, PyTorchForm form)
    {
        Path = path;
        Description = description;
        Length = length;
        Form = form;
        _handle = handle;
        SortedDictionary<string, PickleGlobal> globals = new(StringComparer.Ordinal);
        PickledCheckpoint checkpoint = form == PyTorchForm.Zip
            ? ZipForm.Read(handle, description, length, globals)
            : LegacyForm.Read(handle, description, length, globals);
        StateDict state = StateDict.Of(description, checkpoint.Root);
        Globals = [.. globals.Keys];
        StateKey = state.Key;
        Metadata = state.Plain;
        Int128 total = 0;
        foreach ((string name, TensorReference tensor) in state.Tensors)
        {
            PyTorchTensor placed = TensorPlacement.Of(description, name, tensor, checkpoint.Storages);
            _tensors.Add(name, placed);
            total += (Int128)placed.Count * tensor.Type.Size;
        }

        if (total > (Int128)length * MaxRepetition)
        {
            throw new WeightFileException(ErrorCode.Limit, description, FormattableString.Invariant(
                $"its tensors are {total:N0} bytes all together, the file has {length:N0}: they are the same bytes many times over."), "No checkpoint is like that: do not use the file.");
        }
    }

    /// <summary>Where the file is, as it was opened.</summary>
    public string Path { get; }

    /// <inheritdoc/>
    public override string Description { get; }

    /// <summary>Bytes of the file when it was opened.</summary>
    public long Length { get; }

    /// <summary>How the file is laid out.</summary>
    public PyTorchForm Form { get; }

    /// <summary>The key of the root dictionary under which the tensors stand (<c>state_dict</c>, <c>model</c>); null for the root itself.</summary>
    public string? StateKey { get; }

    /// <summary>What is not a tensor, by name (<c>cfg</c>, <c>global_step</c>, …), each value as JSON. Objects of programs that are not here are
    /// shown as text of the form <c>&lt;module class&gt;</c>; values too deep or long to be a configuration are left out.</summary>
    public override IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The globals that the pickle names, as <c>module name</c>, sorted.</summary>
    public IReadOnlyList<string> Globals { get; }

    /// <inheritdoc/>
    public override IEnumerable<string> Names => _tensors.Keys;

    /// <summary>What the file says of each tensor, in its order; types that cannot be read are listed too.</summary>
    public IReadOnlyCollection<PyTorchTensor> Tensors => _tensors.Values;

    /// <summary>True if a file begins as one of the two forms does; false too if it cannot be read.</summary>
    public static bool IsPyTorch(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            Span<byte> head = stackalloc byte[16];
            using SafeFileHandle handle = FileOpening.Open(path, path);
            return FormOf(head[..PositionalReader.ReadUpTo(handle, head, 0)]) is not null;
        }
        catch (Exception exception) when (exception is AudioTokenException or NotSupportedException || FileErrors.IsFileError(exception))
        {
            return false; // whoever opens it says why
        }
    }

    /// <summary>Opens a file, plays its pickle and holds everything it says against the file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="description">What to call it in messages; its base name if null.</param>
    /// <exception cref="WeightFileException">The file is something else, is damaged, names what no checkpoint needs, or holds no tensors.</exception>
    /// <exception cref="AudioTokenException">The file cannot be read (8101).</exception>
    public static PyTorchFile Open(string path, string? description = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!BitConverter.IsLittleEndian)
            throw new PlatformNotSupportedException("PyTorch files are little-endian and are read as they lie.");
        description ??= System.IO.Path.GetFileName(path);
        SafeFileHandle handle = FileOpening.Open(path, description, "a PyTorch file has at least 22");
        try
        {
            long length = RandomAccess.GetLength(handle);
            return new PyTorchFile(path, description, handle, length, RequireForm(handle, description, length));
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
    public override WeightSource? Find(string name)
    {
        if (!_tensors.TryGetValue(name, out PyTorchTensor? tensor))
            return null;
        return new StridedSource(_handle, Description, tensor,
            tensor.Shape ?? throw Unsupported(tensor, $"at most {Shape.MaxRank} extents of 2^31 - 1 are read here"),
            tensor.DType ?? throw Unsupported(tensor, "elements of this type are not read here"));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _handle.Dispose();
        base.Dispose(disposing);
    }

    private static PyTorchForm? FormOf(ReadOnlySpan<byte> head) => head.StartsWith("PK\u0003\u0004"u8) ? PyTorchForm.Zip
        : head.StartsWith(LegacyForm.Magic) ? PyTorchForm.Legacy
        : null;

    private static PyTorchForm RequireForm(SafeFileHandle handle, string description, long length)
    {
        Span<byte> head = stackalloc byte[FileKind.HeadLength];
        head = head[..PositionalReader.ReadUpTo(handle, head, 0)];
        if (FormOf(head) is { } form)
            return form;
        if (FileKind.IsSafetensors(head))
            throw new WeightFileException(ErrorCode.NotPyTorch, description, "this is a safetensors file, whatever its name says.", "Open it as one: the converter goes by content.");
        if (FileKind.Recognise(head) is { } kind)
            throw new WeightFileException(ErrorCode.NotPyTorch, description, $"this is {kind.What}.", kind.Hint);
        throw new WeightFileException(ErrorCode.NotPyTorch, description, FormattableString.Invariant(
            $"the file is {length:N0} bytes and begins with 0x{Convert.ToHexString(head[..Math.Min(4, head.Length)])}; a PyTorch file begins with 0x504B0304 (a ZIP archive) or 0x80028A0A."),
            "Not a checkpoint, or a damaged one.");
    }

    private WeightFileException Unsupported(PyTorchTensor tensor, string why) => new(ErrorCode.Unsupported, Description,
        $"tensor {WeightFileException.Quote(tensor.Name)} is {tensor}: {why}.", "Convert the file to F32, F16 or BF16 first.");
}
