using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>The operations on the processor, in fp32 with vector instructions (AVX-512, AVX2 or portable, chosen at start).</summary>
/// <remarks>Owns its threads and the memory of its tensors; disposing it ends both. Weights are the caller's, but of use only with the
/// instance that loaded them. Results do not depend on the number of threads. One thread at a time may call an instance.</remarks>
public sealed unsafe partial class CpuOps : ITensorOps
{
    /// <summary>Name of the device.</summary>
    public const string DeviceName = "cpu";

    private readonly CpuMemory _memory;
    private readonly WorkerPool _workers;
    private readonly GemmEngine _engine;
    private readonly ScopeStack _scopes;
    private readonly bool _exact;
    private readonly bool _counts; // memory only: nothing is computed, and no address may be followed
    private long _weightAllocations;
    private bool _disposed;

    /// <summary>Starts the backend with one thread a core.</summary>
    public CpuOps()
        : this(new CpuOptions())
    {
    }

    /// <summary>Starts the backend.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than one thread.</exception>
    public CpuOps(CpuOptions options)
        : this(options, counts: false)
    {
    }

    private CpuOps(CpuOptions options, bool counts)
    {
        ArgumentNullException.ThrowIfNull(options);
        _counts = counts;
        _memory = new CpuMemory(counts);
        _workers = new WorkerPool(options.Threads, idle: counts);
        _engine = GemmEngine.For(options.Kernel);
        _exact = options.Exact;
        _scopes = new ScopeStack(storage => _memory.GiveBack((CpuStorage)storage));
    }

    /// <summary>Starts the backend for counting the memory that it would take.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than one thread.</exception>
    public static CountingOps Count(CpuOptions options)
    {
        CpuOps ops = new(options, counts: true);
        return new CountingOps(ops, () => ops.Memory, ops._memory.ResetPeak);
    }

    /// <inheritdoc/>
    public string Device => DeviceName;

    /// <summary>Threads that compute, the calling one among them.</summary>
    public int Threads => _workers.Threads;

    /// <summary>Tensors' memories handed out and not yet given back; 0 when every scope has closed.</summary>
    public int LiveTensorCount => _scopes.LiveCount;

    /// <summary>What the memory has done so far.</summary>
    public CpuMemoryStatistics MemoryStatistics => new(
        _memory.LiveBytes,
        _memory.HeldBytes,
        _memory.PeakHeldBytes,
        WeightBytes,
        _workers.ScratchBytes,
        _memory.Allocations + _weightAllocations + _workers.ScratchAllocations);

    /// <summary>What the memory holds.</summary>
    public MemoryUse Memory => new(WeightBytes, _memory.LiveBytes, _memory.PeakLiveBytes, _memory.PeakHeldBytes);

    /// <summary>Bytes of the weights loaded and not disposed.</summary>
    internal long WeightBytes { get; set; }

    /// <inheritdoc/>
    public TensorScope Scope()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _scopes.Open();
    }

    /// <inheritdoc/>
    public Tensor Upload(ReadOnlySpan<float> values, Shape shape) => Upload(MemoryMarshal.AsBytes(values), values.Length, shape, DType.F32);

    /// <inheritdoc/>
    public Tensor Upload(ReadOnlySpan<int> values, Shape shape) => Upload(MemoryMarshal.AsBytes(values), values.Length, shape, DType.I32);

    /// <inheritdoc/>
    public void Download(Tensor tensor, Span<float> destination)
    {
        float* source = Data(tensor, nameof(Download), nameof(tensor));
        if (destination.Length != tensor.Shape.Count)
            throw new ShapeException($"Download: room for {destination.Length} values, but the tensor is {tensor.Shape}, {tensor.Shape.Count} values.");
        if (_counts)
            destination.Clear();
        else
            new ReadOnlySpan<float>(source, destination.Length).CopyTo(destination);
    }

    /// <inheritdoc/>
    public void Trim()
    {
        FreeStaging();
        _memory.Trim();
    }

    /// <summary>Ends the threads and frees the memory of all tensors. Weights stay the caller's to dispose.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _workers.Dispose();
        _memory.Dispose();
        FreeStaging();
        _slab?.Dispose();
    }

    /// <summary>A new tensor of undefined contents that the innermost open scope owns.</summary>
    private Tensor Allocate(Shape shape, DType dtype = DType.F32)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        CpuStorage storage = _memory.Take(checked(shape.Count * dtype.Size()));
        _scopes.Add(storage);
        return new Tensor(storage, shape, dtype);
    }

    /// <summary>The values of an F32 tensor of this backend.</summary>
    private float* Data(in Tensor tensor, string operation, string name) => (float*)Bytes(tensor, DType.F32, operation, name);

    /// <summary>The values of an I32 tensor of this backend.</summary>
    private int* Indices(in Tensor tensor, string operation, string name) => (int*)Bytes(tensor, DType.I32, operation, name);

    /// <summary>The values of an F32 tensor of this backend, or null where there is no tensor.</summary>
    private float* DataOrNull(in Tensor tensor, string operation, string name) => tensor.IsEmpty ? null : Data(tensor, operation, name);

    /// <summary>The values of a Vector weight of a given length.</summary>
    private float* Vector(Weight weight, long count, string operation, string name)
    {
        CpuWeight own = Own(weight, WeightRole.Vector, operation, name);
        if (own.Shape.Count != count)
            throw new ShapeException($"{operation}: {name} '{own.Name}' is {own.Shape}, wanted {count} values.");
        return own.Data;
    }

    /// <summary>The rows of a Table weight.</summary>
    private float* Table(Weight weight, string operation, string name) => Own(weight, WeightRole.Table, operation, name).Data;

    /// <summary>Checks that a weight was loaded here for the role asked for.</summary>
    private CpuWeight Own(Weight weight, WeightRole role, string operation, string name)
    {
        ArgumentNullException.ThrowIfNull(weight, name);
        if (weight.Role != role)
            throw new ShapeException($"{operation}: {name} '{weight.Name}' was loaded as {weight.Role}, wanted {role}.");
        return weight is CpuWeight own && ReferenceEquals(own.Owner, this)
            ? own
            : throw new ShapeException($"{operation}: {name} '{weight.Name}' was loaded by another backend, wanted a weight of this {DeviceName} instance.");
    }

    private byte* Bytes(in Tensor tensor, DType dtype, string operation, string name)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (tensor.IsEmpty)
            throw new ShapeException($"{operation}: {name} is no tensor.");
        if (tensor.DType != dtype)
            throw new ShapeException($"{operation}: {name} is {tensor}, wanted {dtype}.");
        if (tensor.Storage is not CpuStorage storage)
            throw new ShapeException($"{operation}: {name} {tensor.Shape} is on {tensor.Storage.Device}, wanted {DeviceName}.");
        if (!ReferenceEquals(storage.Owner, _memory))
            throw new ShapeException($"{operation}: {name} {tensor.Shape} belongs to another {DeviceName} instance.");
        return (byte*)storage.Pointer + tensor.Offset * dtype.Size();
    }

    private Tensor Upload(ReadOnlySpan<byte> bytes, int count, Shape shape, DType dtype)
    {
        if (count != shape.Count)
            throw new ShapeException($"Upload: {count} values for shape {shape}, which has {shape.Count}.");
        Tensor tensor = Allocate(shape, dtype);
        if (!_counts)
            bytes.CopyTo(new Span<byte>(Unsafe.As<CpuStorage>(tensor.Storage).Pointer, bytes.Length));
        return tensor;
    }
}
