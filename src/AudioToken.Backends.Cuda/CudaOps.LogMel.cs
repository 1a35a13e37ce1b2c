using System.Runtime.InteropServices;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Backends.Cuda.Memory;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

public sealed unsafe partial class CudaOps
{
    private readonly Dictionary<LogMelForm, LogMelOperands> _logMelForms = []; // whose tables are on the device

    /// <inheritdoc/>
    /// <remarks>Computed on the device in double, and stored in the type in which the encoder takes it.</remarks>
    public Tensor LogMel(ReadOnlySpan<float> samples, LogMelForm form)
    {
        const int Block = 128; // for each feature of BEATs a thread, and for each sum of a stage of its transform
        const int ComplexBytes = 2 * sizeof(double);
        ArgumentNullException.ThrowIfNull(form);
        form.Require(samples);
        Shape shape = ResultShape.LogMel(samples.Length, form);
        using TensorScope scope = Scope();
        Tensor y = Allocate(shape, _storage), heard = Upload(samples, [samples.Length]);
        if (!_logMelForms.TryGetValue(form, out LogMelOperands operands))
            _logMelForms.Add(form, operands = Load(form));
        KernelArguments arguments = default;
        arguments.Add(AddressOf(y)).Add(AddressOf(heard)).Add(operands);
        Launch(Kernel("log_mel", _storage), new Grid(shape[1]), Block, form.TransformSize * ComplexBytes, ref arguments);
        return scope.Keep(y);
    }

    // Roots, window and weights as doubles, then the filters.
    private LogMelOperands Load(LogMelForm form)
    {
        int half = form.TransformSize / 2;
        List<double> values = [];
        List<int> filters = [];
        for (int k = 0; k < half; k++)
        {
            (double sin, double cos) = Math.SinCos(-2 * Math.PI * k / form.TransformSize);
            values.AddRange(cos, sin);
        }

        values.AddRange(form.Window.Span);
        int weights = values.Count;
        foreach (MelFilter filter in form.Filters)
        {
            filters.AddRange(filter.FirstBin, filter.Weights.Length, values.Count - weights);
            values.AddRange(filter.Weights.Span);
        }

        byte[] tables = [.. MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(values)), .. MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(filters))];
        DeviceBlock block = _laterMemory.Take(tables.Length);
        try
        {
            if (!_counts)
                _staging.Upload(tables, block.Pointer);
        }
        catch
        {
            FreeWeight(block);
            throw;
        }

        return new LogMelOperands
        {
            Roots = block.Pointer.Address,
            Window = At(2 * half),
            Weights = At(weights),
            Filters = At(values.Count),
            Length = form.FrameLength,
            Shift = form.FrameShift,
            Half = half,
            Bins = form.Filters.Count,
            Preemphasis = form.Preemphasis,
            Floor = form.EnergyFloor,
            Mean = form.Mean,
            Divisor = form.Divisor,
        };

        ulong At(int value) => block.Pointer.Address + (ulong)value * sizeof(double);
    }

    // As LogMel in log_mel.cu.
    private struct LogMelOperands
    {
        public ulong Roots;
        public ulong Window;
        public ulong Weights;
        public ulong Filters;
        public int Length;
        public int Shift;
        public int Half;
        public int Bins;
        public double Preemphasis;
        public double Floor;
        public float Mean;
        public float Divisor;
    }
}
