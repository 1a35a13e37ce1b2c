using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using AudioToken.Backends.Cuda.Compilation;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Backends.Cuda.Memory;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

/// <summary>The operations on an NVIDIA GPU, by this project's own kernels; also on the emulated device.</summary>
/// <remarks>
/// <para>Products, norms and lookups give tensors of the storage type of <see cref="CudaOptions"/>. Uploads are fp32, and sums of which a
/// term is fp32 stay so: samplers keep their latents at full width. An operand of the other type is cast by a kernel of its own.</para>
/// <para>Owns its context, stream and the memory of its tensors; disposing it ends them. Weights are the caller's, but of use only with the
/// instance that loaded them. One thread at a time may call an instance.</para>
/// </remarks>
public sealed unsafe partial class CudaOps : ITensorOps
{
    private readonly CudaContext _context;
    private readonly KernelLibrary _library;
    private readonly PinnedStaging _staging;
    private readonly DeviceMemory _memory;
    private readonly DeviceMemory _weightMemory;
    private readonly DeviceMemory _laterMemory; // of weights' further forms, and of tables
    private readonly SumParts _sumParts;
    private readonly ProductPlans _plans;
    private readonly ScopeStack _scopes;
    private DType _storage; // what operations make and compute with: fp32 while they are widened
    private readonly Dictionary<(string Operation, string Form, DType Type), CudaKernel> _kernels = [];
    private readonly bool _counts; // memory only, for good
    private bool _idle; // nothing is copied from or to the host: where memory is only counted, and while a step is planned
    private bool _disposed;

    /// <summary>Starts the backend.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The storage type is none of F32, F16, BF16.</exception>
    public CudaOps(CudaOptions options)
        : this(options, counts: false)
    {
    }

    private CudaOps(CudaOptions options, bool counts)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Storage is not (DType.F32 or DType.F16 or DType.BF16))
            throw new ArgumentOutOfRangeException(nameof(options), options.Storage, "Storage is F32, F16 or BF16.");
        (Storage, _storage, _counts, _idle) = (options.Storage, options.Storage, counts, counts);
        _context = new CudaContext(options.DeviceIndex) { Patience = options.Patience };
        try
        {
            _library = new KernelLibrary(_context, counts ? null : options.KernelCacheFolder, options.Note);
            _staging = new PinnedStaging(_context);
        }
        catch
        {
            _context.Dispose();
            throw;
        }

        _memory = new DeviceMemory(_context, counts);
        _weightMemory = new DeviceMemory(_context, counts) { Neighbour = _memory };
        _laterMemory = new DeviceMemory(_context, counts) { Neighbour = _memory };
        _sumParts = new SumParts(new DeviceMemory(_context, counts) { Neighbour = _memory }, _staging, counts);
        _plans = new ProductPlans(_context.Device);
        _scopes = new ScopeStack(storage => _memory.GiveBack((DeviceBlock)storage));
    }

    /// <summary>Starts the backend for counting the device memory that it would take.</summary>
    /// <inheritdoc cref="CudaOps(CudaOptions)"/>
    public static CountingOps Count(CudaOptions options)
    {
        CudaOps ops = new(options, counts: true);
        return new CountingOps(ops, () => ops.Memory, ops._memory.ResetPeak);
    }

    /// <summary>What the memory holds.</summary>
    public MemoryUse Memory => new(WeightBytes, _memory.LiveBytes, _memory.PeakLiveBytes + AsideBytes, _memory.PeakHeldBytes + AsideBytes);

    /// <summary>Why the first device cannot be used on this machine, or null. Never throws.</summary>
    public static CudaException? WhyNot()
    {
        try
        {
            string architecture = CudaDevice.Get(0).Architecture;
            return KernelCompiler.WhyNot("the kernels must be compiled", architecture) is { } reason && !KernelLibrary.AreShipped(architecture) ? reason : null;
        }
        catch (CudaException exception)
        {
            return exception;
        }
    }

    /// <inheritdoc/>
    public string Device => _memory.DeviceName;

    /// <summary>Storage type of weights and activations.</summary>
    public DType Storage { get; }

    /// <summary>Tensors' memories handed out and not yet given back; 0 when every scope has closed.</summary>
    public int LiveTensorCount => _scopes.LiveCount;

    /// <summary>Kernels launched so far, those of a graph at each of its launches.</summary>
    public long Launches => _context.Launches;

    /// <summary>Bytes of the weights loaded and not disposed, in the form in which they were loaded.</summary>
    public long WeightBytes => _weightMemory.LiveBytes;

    // What operations have taken beside their tensors.
    private long AsideBytes => _sumParts.HeldBytes + _laterMemory.PeakHeldBytes;

    /// <inheritdoc/>
    public TensorScope Scope()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _scopes.Open();
    }

    /// <inheritdoc/>
    public Tensor Upload(ReadOnlySpan<float> values, Shape shape) => Upload(values, shape, DType.F32);

    /// <inheritdoc/>
    public Tensor Upload(ReadOnlySpan<int> values, Shape shape)
    {
        Tensor tensor = Upload(values, shape, DType.I32);
        Unsafe.As<DeviceBlock>(tensor.Storage).Remember(values);
        return tensor;
    }

    /// <inheritdoc/>
    public void Download(Tensor tensor, Span<float> destination)
    {
        if (tensor.IsEmpty || tensor.DType == DType.I32)
            throw new ShapeException($"Download: {tensor}, wanted a float tensor.");
        if (destination.Length != tensor.Shape.Count)
            throw new ShapeException($"Download: room for {destination.Length} values, but the tensor is {tensor.Shape}, {tensor.Shape.Count} values.");
        RefuseInStep(nameof(Download));
        using TensorScope scope = Scope();
        ulong source = Operand(tensor, DType.F32, nameof(Download), nameof(tensor));
        if (_idle)
            destination.Clear();
        else if (destination.Length > 0)
            _staging.Download(new DevicePointer(source), destination);
    }

    /// <inheritdoc/>
    public void Trim() => _memory.Trim();

    /// <inheritdoc/>
    /// <remarks>Weights rest as they are; each operation widens those that it takes for itself.</remarks>
    public IDisposable? Widen()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_storage == DType.F32)
            return null;
        RefuseInStep(nameof(Widen));
        _storage = DType.F32;
        return new Widened(this);
    }

    /// <summary>Ends the context and frees the memory of all tensors. Weights stay the caller's to dispose.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _context.TryEnter();
        _recorded.Dispose();
        _staging.Dispose();
        _memory.Dispose();
        _weightMemory.Dispose();
        _laterMemory.Dispose();
        _sumParts.Dispose();
        _library.Dispose();
        _context.Dispose();
    }

    /// <summary>Gives a weight's memory back.</summary>
    internal void FreeWeight(DeviceBlock block)
    {
        block.Owner.GiveBack(block);
        if (!_disposed)
            block.Owner.Trim();
    }

    private Tensor Upload<T>(ReadOnlySpan<T> values, Shape shape, DType dtype)
        where T : unmanaged
    {
        if (values.Length != shape.Count)
            throw new ShapeException($"Upload: {values.Length} values for shape {shape}, which has {shape.Count}.");
        CudaRecording? recorded = Recorded;
        if (recorded is null)
            RefuseInStep(nameof(Upload));
        Tensor tensor = recorded is null ? Allocate(shape, dtype) : recorded.ForUpload(() => Allocate(shape, dtype));
        if (!values.IsEmpty && !_idle && (recorded is null || recorded.IsNew(MemoryMarshal.AsBytes(values))))
            _staging.Upload(values, new DevicePointer(AddressOf(tensor)));
        return tensor;
    }

    /// <summary>A new tensor of undefined contents that the innermost open scope owns.</summary>
    private Tensor Allocate(Shape shape, DType dtype) => Allocate(shape, dtype, checked(shape.Count * dtype.Size()));

    /// <summary>The same with room behind the tensor.</summary>
    private Tensor Allocate(Shape shape, DType dtype, long bytes)
    {
        Enter();
        DeviceBlock storage = _memory.Take(bytes);
        _scopes.Add(storage);
        return new Tensor(storage, shape, dtype);
    }

    /// <summary>The address of a tensor of a given type; where it has another, of a cast copy that the innermost open scope owns.</summary>
    private ulong Operand(in Tensor tensor, DType wanted, string operation, string name)
    {
        ulong address = Own(tensor, operation, name);
        if (tensor.DType == wanted)
            return address;
        if (!tensor.DType.IsFloat() || !wanted.IsFloat() || (tensor.DType != DType.F32 && wanted != DType.F32))
            throw new ShapeException($"{operation}: {name} is {tensor}, wanted {wanted}.");
        return Cast(address, tensor.Shape, tensor.DType, wanted);
    }

    /// <summary>A weight's rows in the type that operations compute with; where they rest in another, widened ones that the innermost open scope owns.</summary>
    private ulong Rows(CudaWeight weight) => weight.Rows is { } rows && rows.Type == _storage ? weight.Address : Cast(weight.Address, [rows.Count, rows.Stride], rows.Type, _storage);

    // A copy in another type; one of the two is fp32.
    private ulong Cast(ulong source, Shape shape, DType from, DType to)
    {
        Tensor cast = Allocate(shape, to);
        DType half = to == DType.F32 ? from : to;
        KernelArguments arguments = default;
        arguments.Add(AddressOf(cast)).Add(source).Add((ulong)shape.Count);
        string ending = (to, half) switch
        {
            (DType.F32, DType.F16) => "_f16_to_f32",
            (DType.F32, _) => "_bf16_to_f32",
            (DType.F16, _) => "_f32_to_f16",
            _ => "_f32_to_bf16",
        };
        LaunchElements(KernelNamed("cast", ending), shape.Count, ref arguments);
        return AddressOf(cast);
    }

    /// <summary>As above in the storage type, or 0 where there is no tensor.</summary>
    private ulong OperandOrNull(in Tensor tensor, string operation, string name) => tensor.IsEmpty ? 0 : Operand(tensor, _storage, operation, name);

    /// <summary>The address of a tensor of this backend.</summary>
    private ulong Own(in Tensor tensor, string operation, string name)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (tensor.IsEmpty)
            throw new ShapeException($"{operation}: {name} is no tensor.");
        if (tensor.Storage is not DeviceBlock storage)
            throw new ShapeException($"{operation}: {name} {tensor.Shape} is on {tensor.Storage.Device}, wanted {Device}.");
        return ReferenceEquals(storage.Owner, _memory)
            ? AddressOf(tensor)
            : throw new ShapeException($"{operation}: {name} {tensor.Shape} belongs to another {Device} instance.");
    }

    /// <summary>Checks that a weight was loaded here for the role asked for.</summary>
    private CudaWeight Own(Weight weight, WeightRole role, string operation, string name)
    {
        ArgumentNullException.ThrowIfNull(weight, name);
        if (weight.Role != role)
            throw new ShapeException($"{operation}: {name} '{weight.Name}' was loaded as {weight.Role}, wanted {role}.");
        return weight is CudaWeight own && ReferenceEquals(own.Owner, this)
            ? own
            : throw new ShapeException($"{operation}: {name} '{weight.Name}' was loaded by another backend, wanted a weight of this {Device} instance.");
    }

    // The pipeline loads on one thread and draws on another; a context is a thread's.
    private void Enter()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _context.Enter();
    }

    private sealed class Widened(CudaOps ops) : IDisposable
    {
        public void Dispose() => ops._storage = ops.Storage;
    }

    private static ulong AddressOf(in Tensor tensor) => ((DeviceBlock)tensor.Storage).Pointer.Address + ((ulong)tensor.Offset * (ulong)tensor.DType.Size());

    /// <summary>The ending of the names of kernels of a storage type.</summary>
    internal static string Suffix(DType dtype) => dtype switch
    {
        DType.F32 => "_f32",
        DType.F16 => "_f16",
        _ => "_bf16",
    };
}
