using System.Runtime.CompilerServices;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Backends.Cuda.Memory;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

public sealed unsafe partial class CudaOps
{
    private const int MaxTables = 32; // as in select_rows.cu

    // Steps that are asked for before the device is through with one: it never waits for the host, and yet a cancelled request ends soon, progress is what
    // has been done, and of a hang the step is known.
    private const int StepsAhead = 3;

    private CudaStep? _recording;

    /// <inheritdoc/>
    public bool IsAsynchronous => true;

    /// <inheritdoc/>
    /// <remarks>The first step runs as it is asked for and is recorded as a graph; each further one is a launch of that graph.</remarks>
    public RepeatedStep Repeat(StepFunction step)
    {
        ArgumentNullException.ThrowIfNull(step);
        return new CudaStep(this, step);
    }

    /// <inheritdoc/>
    public void SelectRows(ReadOnlySpan<Tensor> tables, StepIndex step, Span<Tensor> rows)
    {
        const int Block = 256;
        if (step.Counter.IsEmpty)
        {
            for (int i = 0; i < tables.Length; i++)
                rows[i] = tables[i].Slice(step.Number, 1);
            return;
        }

        using TensorScope scope = Scope();
        ulong counter = Own(step.Counter, nameof(SelectRows), nameof(step));
        for (int first = 0; first < tables.Length; first += MaxTables)
        {
            int count = Math.Min(MaxTables, tables.Length - first), widest = 0;
            DType dtype = tables[first].DType;
            RowTables chosen = default;
            for (int i = 0; i < count; i++)
            {
                Tensor table = tables[first + i];
                if (table.DType != dtype || !dtype.IsFloat())
                    throw new ShapeException($"{nameof(SelectRows)}: a table is {table}, wanted floats of one type, {dtype}.");
                Tensor row = rows[first + i] = scope.Keep(Allocate(table.Shape.WithFirst(1), dtype));
                chosen.Tables[i] = Own(table, nameof(SelectRows), "a table");
                chosen.Rows[i] = AddressOf(row);
                chosen.Columns[i] = Counted(row.Shape.Count, "columns of a table");
                widest = Math.Max(widest, chosen.Columns[i]);
                _recording?.HoldTo(table.Shape[0]);
            }

            KernelArguments arguments = default;
            arguments.Add(chosen).Add(counter);
            Launch(Kernel("select_rows", dtype), new Grid(Blocks(widest, Block * 4), count), Block, 0, ref arguments);
        }
    }

    /// <inheritdoc/>
    public Tensor FirstFault(Tensor x, int mark, Tensor earlier)
    {
        ulong source = Own(x, nameof(FirstFault), nameof(x));
        int count = Counted(x.Shape.Count, "values");
        ulong before = earlier.IsEmpty ? 0 : Own(earlier, nameof(FirstFault), nameof(earlier));
        Tensor y = Allocate([3], DType.F32);
        KernelArguments arguments = default;
        arguments.Add(AddressOf(y)).Add(source).Add(count).Add((float)mark).Add(before);
        Launch(Kernel("first_fault", x.DType), new Grid(1), count > 1024 ? 1024 : 128, 0, ref arguments);
        return y;
    }

    /// <summary>A step at fixed addresses: called once, then replayed.</summary>
    private sealed class CudaStep(CudaOps ops, StepFunction function) : RepeatedStep
    {
        private readonly DeviceArena _arena = new(ops._memory);
        private readonly CudaEvent?[] _ends = new CudaEvent?[StepsAhead]; // of the last steps
        private DeviceBlock? _x, _counter;
        private CudaGraph? _graph; // none where memory is only counted
        private Tensor _input;
        private (ulong Address, Shape Shape, DType Type) _result;
        private int _steps, _rows = int.MaxValue;
        private bool _disposed;

        /// <summary>No more steps than a table has rows.</summary>
        public void HoldTo(int rows) => _rows = Math.Min(_rows, rows);

        public override Tensor Run(Tensor x)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_steps >= _rows)
                throw new ShapeException($"{nameof(Repeat)}: step {_steps} has no row in a table of {_rows}.");
            ulong source = ops.Own(x, nameof(Repeat), nameof(x));
            if (_x is null)
                Prepare(x);
            if (x.Shape != _input.Shape || x.DType != _input.DType)
                throw new ShapeException($"{nameof(Repeat)}: x is {x}, at the first step it was {_input}.");
            CudaEvent? end = _ends[_steps % StepsAhead];
            if (_steps >= StepsAhead && end is not null)
                ops._context.AwaitStep(end, _steps - StepsAhead);
            ops.CopyWithin(_x!.Pointer.Address, source, x.Shape.Count * x.DType.Size());
            Tensor y = _arena.IsSealed ? Replay() : First();
            end?.Record(ops._context);
            _steps++;
            return y;
        }

        protected override void Dispose(bool disposing)
        {
            if (_disposed)
                return;
            _disposed = true;
            _graph?.Dispose();
            foreach (CudaEvent? end in _ends)
                end?.Dispose();
            _arena.Dispose();
            if (_counter is not null)
                ops._memory.GiveBack(_counter);
            if (_x is not null)
                ops._memory.GiveBack(_x);
            base.Dispose(disposing);
        }

        private void Prepare(Tensor x)
        {
            ops.Enter();
            _counter ??= ops._memory.Take(sizeof(int));
            if (!ops._counts)
            {
                ops._staging.Upload(new byte[sizeof(int)], _counter.Pointer);
                for (int i = 0; i < _ends.Length; i++)
                    _ends[i] ??= new CudaEvent(ops._context);
            }

            _x = ops._memory.Take(x.Shape.Count * x.DType.Size());
            _input = new Tensor(_x, x.Shape, x.DType);
        }

        // As asked for, so that kernels are loaded and the memory is known; then the recording, beside which the device is at work already.
        private Tensor First()
        {
            try
            {
                Tensor y;
                using (TensorScope scope = ops.Scope())
                {
                    Tensor result = Call();
                    y = scope.Keep(Copy(AddressOf(result), result.Shape, result.DType));
                }

                _arena.IsSealed = true;
                using TensorScope recorded = ops.Scope();
                if (ops._counts)
                    Record();
                else
                    _graph = ops._context.Capture(Record);
                return y;
            }
            catch
            {
                Dispose(); // the device may have counted a step that nobody got
                throw;
            }
        }

        private void Record()
        {
            Tensor result = Call();
            _result = (AddressOf(result), result.Shape, result.DType);
        }

        private Tensor Call()
        {
            _arena.Rewind();
            (ops._memory.Arena, ops._recording) = (_arena, this);
            try
            {
                Tensor result = function(_input, new StepIndex(new Tensor(_counter!, [1], DType.I32)));
                ops.Count(_counter!);
                return result;
            }
            finally
            {
                (ops._memory.Arena, ops._recording) = (null, null);
            }
        }

        private Tensor Replay()
        {
            ops.Enter();
            if (_graph is not null)
                ops._context.Launch(_graph);
            return Copy(_result.Address, _result.Shape, _result.Type);
        }

        private Tensor Copy(ulong from, Shape shape, DType dtype)
        {
            Tensor y = ops.Allocate(shape, dtype);
            ops.CopyWithin(AddressOf(y), from, shape.Count * dtype.Size());
            return y;
        }
    }

    // A copy of the first step's values would be replayed at all others.
    private void RefuseInStep(string operation)
    {
        if (_memory.Arena is not null)
            throw new InvalidOperationException($"{operation} within a repeated step, which is recorded; upload before it and download after it.");
    }

    private void CopyWithin(ulong to, ulong from, long bytes)
    {
        if (bytes > 0 && !_counts)
            _context.Copy(new DevicePointer(to), new DevicePointer(from), bytes);
    }

    private void Count(DeviceBlock counter)
    {
        KernelArguments arguments = default;
        arguments.Add(counter.Pointer.Address);
        Launch(KernelNamed("count_step", ""), new Grid(1), 32, 0, ref arguments);
    }

    // As Tables in select_rows.cu.
    private struct RowTables
    {
        public Many<ulong> Tables;
        public Many<ulong> Rows;
        public Many<int> Columns;
    }

    [InlineArray(MaxTables)]
    private struct Many<T>
    {
        private T _first;
    }
}
