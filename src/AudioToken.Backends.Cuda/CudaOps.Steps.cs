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

    private readonly RecordedSteps _recorded = new();
    private readonly LaunchLog _planned = new(); // of one step at a time; it is long
    private CudaStep? _recording;

    /// <inheritdoc/>
    public bool IsAsynchronous => true;

    /// <inheritdoc/>
    /// <remarks>The memory of all steps is taken here; the first one runs as it is asked for and is recorded as a graph; each further one is a launch of that graph.
    /// So is the first one, where a loop before asked for the same work at the same addresses, as for a picture like the one before.</remarks>
    public RepeatedStep Repeat(StepFunction step)
    {
        ArgumentNullException.ThrowIfNull(step);
        return new CudaStep(this, step);
    }

    /// <inheritdoc/>
    public void Assign(Tensor target, Tensor value)
    {
        ResultShape.Assign(target, value);
        ulong to = Own(target, nameof(Assign), nameof(target)), from = Own(value, nameof(Assign), nameof(value));
        if (target.Shape.Count > 0 && !_counts)
            _context.Copy(new DevicePointer(to), new DevicePointer(from), target.Shape.Count * target.DType.Size());
    }

    /// <inheritdoc/>
    public void Advance(ReadOnlySpan<StepSum> sums, Tensor factors, StepIndex step)
    {
        const int Block = 128;
        ResultShape.Advance(sums, factors);
        using TensorScope scope = Scope();
        AssignedSums assigned = new() { Count = sums.Length };
        bool isMixed = false;
        for (int s = 0; s < sums.Length; s++)
        {
            ref AssignedSum sum = ref assigned.Sums[s];
            (sum.Target, sum.Count) = (Own(sums[s].Target, nameof(Advance), "a target"), sums[s].Terms.Length);
            for (int i = 0; i < sum.Count; i++)
            {
                Tensor term = sums[s].Terms.Span[i];
                bool isNarrow = term.DType != DType.F32; // the kernel widens it
                sum.Terms[i] = Operand(term, isNarrow ? _storage : DType.F32, nameof(Advance), "a term");
                sum.Narrow |= isNarrow ? 1u << i : 0;
                isMixed |= isNarrow;
            }
        }

        (ulong row, ulong counter) = Row(factors, step, nameof(Advance));
        int count = Counted(sums[0].Target.Shape.Count, "values");
        KernelArguments arguments = default;
        arguments.Add(assigned).Add(row).Add(factors.Shape[1]).Add(counter).Add(count);
        Launch(Kernel("advance", isMixed ? _storage : DType.F32), new Grid(Blocks(count, Block)), Block, 0, ref arguments);
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
        ulong counter = 0;
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
                (chosen.Tables[i], counter) = Row(table, step, nameof(SelectRows));
                chosen.Rows[i] = AddressOf(row);
                chosen.Columns[i] = Counted(row.Shape.Count, "columns of a table");
                widest = Math.Max(widest, chosen.Columns[i]);
            }

            KernelArguments arguments = default;
            arguments.Add(chosen).Add(counter);
            Launch(Kernel("select_rows", dtype), new Grid(Blocks(widest, Block * 4), count), Block, 0, ref arguments);
        }
    }

    /// <inheritdoc/>
    public void FirstFault(Tensor x, StepIndex step, Tensor fault)
    {
        ResultShape.FirstFault(x, fault);
        ulong source = Own(x, nameof(FirstFault), nameof(x)), found = Own(fault, nameof(FirstFault), nameof(fault));
        int count = Counted(x.Shape.Count, "values");
        ulong counter = step.Counter.IsEmpty ? 0 : Own(step.Counter, nameof(FirstFault), nameof(step));
        KernelArguments arguments = default;
        arguments.Add(found).Add(source).Add(count).Add(counter).Add(step.Number);
        Launch(Kernel("first_fault", x.DType), new Grid(1), count > 1024 ? 1024 : 128, 0, ref arguments);
    }

    // Where a table's row for a step begins: its address, and the counter (or none) by which the kernel goes on from there.
    private (ulong Address, ulong Counter) Row(Tensor table, StepIndex step, string operation)
    {
        if (step.Counter.IsEmpty)
            return (Own(table.Slice(step.Number, 1), operation, nameof(table)), 0);
        _recording?.HoldTo(table.Shape[0]);
        return (Own(table, operation, nameof(table)), Own(step.Counter, operation, nameof(step)));
    }

    /// <summary>A step at fixed addresses: called once to learn what it launches and what memory it takes, once to be done, once to be recorded; then replayed.</summary>
    private sealed class CudaStep : RepeatedStep
    {
        private readonly CudaOps _ops;
        private readonly StepFunction _function;
        private readonly DeviceArena _arena;
        private readonly DeviceBlock? _counter;
        private readonly CudaEvent?[] _ends = new CudaEvent?[StepsAhead]; // of the last steps
        private CudaGraph? _graph;
        private int _steps, _rows = int.MaxValue;
        private bool _disposed;

        public CudaStep(CudaOps ops, StepFunction function)
        {
            (_ops, _function, _arena) = (ops, function, new DeviceArena(ops._memory));
            try
            {
                ops.Enter();
                _counter = ops._memory.Take(sizeof(int));
                TakeMemory();
                if (ops._counts)
                    return;
                _graph = ops._recorded.Take(ops._planned);
                ops._staging.Upload(new byte[sizeof(int)], _counter.Pointer);
                for (int i = 0; i < _ends.Length; i++)
                    _ends[i] = new CudaEvent(ops._context);
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        /// <summary>No more steps than a table has rows.</summary>
        public void HoldTo(int rows) => _rows = Math.Min(_rows, rows);

        public override void Run()
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_steps >= _rows)
                throw new ShapeException($"{nameof(Repeat)}: step {_steps} has no row in a table of {_rows}.");
            if (!_ops._counts)
                RunOnDevice();
            _steps++;
        }

        protected override void Dispose(bool disposing)
        {
            if (_disposed)
                return;
            _disposed = true;
            if (_graph is not null)
                _ops._recorded.GiveBack(_graph);
            foreach (CudaEvent? end in _ends)
                end?.Dispose();
            _arena.Dispose();
            if (_counter is not null)
                _ops._memory.GiveBack(_counter);
            base.Dispose(disposing);
        }

        // As where memory is only counted: nothing is computed, but here it is taken.
        private void TakeMemory()
        {
            _ops._idle = true;
            try
            {
                _ops._planned.Clear();
                _ops._context.Plan(Call, _ops._planned);
            }
            finally
            {
                _ops._idle = _ops._counts;
                _arena.IsSealed = true;
            }
        }

        private void RunOnDevice()
        {
            _ops.Enter();
            CudaEvent end = _ends[_steps % StepsAhead]!;
            if (_steps >= StepsAhead)
                _ops._context.AwaitStep(end, _steps - StepsAhead);
            if (_graph is null)
                First();
            else
                _ops._context.Launch(_graph);
            end.Record(_ops._context);
        }

        // As asked for, so that kernels are loaded; then the recording, beside which the device is at work already.
        private void First()
        {
            try
            {
                Call();
                _graph = _ops._context.Capture(Call);
            }
            catch
            {
                Dispose(); // the device may have counted a step that nobody got
                throw;
            }
        }

        private void Call()
        {
            _arena.Rewind();
            (_ops._memory.Arena, _ops._recording) = (_arena, this);
            try
            {
                using TensorScope scope = _ops.Scope();
                _function(new StepIndex(new Tensor(_counter!, [1], DType.I32)));
                _ops.Count(_counter!);
            }
            finally
            {
                (_ops._memory.Arena, _ops._recording) = (null, null);
            }
        }
    }

    // A copy of the first step's values would be replayed at all others.
    private void RefuseInStep(string operation)
    {
        if (_memory.Arena is not null)
            throw new InvalidOperationException($"{operation} within a repeated step, which is recorded; upload before it and download after it.");
    }

    private void Count(DeviceBlock counter)
    {
        KernelArguments arguments = default;
        arguments.Add(counter.Pointer.Address);
        Launch(KernelNamed("count_step", ""), new Grid(1), 32, 0, ref arguments);
    }

    // As Sums in advance.cu.
    private struct AssignedSums
    {
        public Nine<AssignedSum> Sums;
        public long Count; // an int, and the padding behind it: launches are compared to the byte
    }

    private struct AssignedSum
    {
        public ulong Target;
        public Eight<ulong> Terms;
        public int Count;
        public uint Narrow;
    }

    [InlineArray(ResultShape.MaxSums)]
    private struct Nine<T>
    {
        private T _first;
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
