namespace AudioToken.Tensors;

/// <summary>Owns the tensors made while it is open; closing it hands their memory back.</summary>
/// <remarks>
/// Scopes nest. What must outlive the scope leaves by <see cref="Keep"/> and then belongs to the scope around it; what is not
/// needed any more may go early by <see cref="Swap"/> or <see cref="Release"/>. Scopes close in reverse order of opening:
/// <code>
/// using TensorScope scope = ops.Scope();
/// Tensor h = ops.LayerNorm(x, gamma, beta, epsilon);
/// return scope.Keep(ops.Linear(h, weight, default));
/// </code>
/// </remarks>
public readonly struct TensorScope : IDisposable
{
    private readonly ScopeStack _stack;
    private readonly int _mark;

    internal TensorScope(ScopeStack stack, int mark)
    {
        _stack = stack;
        _mark = mark;
    }

    /// <summary>Moves a tensor's memory to the scope around this one and returns the tensor.</summary>
    public Tensor Keep(Tensor tensor)
    {
        _stack.Keep(tensor.Storage, _mark);
        return tensor;
    }

    /// <summary>Hands one tensor's memory back before the scope closes. Memory that this scope does not own stays.</summary>
    public void Release(Tensor tensor)
    {
        if (!tensor.IsEmpty)
            _stack.Release(tensor.Storage, _mark);
    }

    /// <summary>Releases <paramref name="old"/> (unless <paramref name="next"/> looks at the same memory) and returns <paramref name="next"/>:
    /// <c>h = scope.Swap(h, block.Forward(ops, h));</c></summary>
    public Tensor Swap(Tensor old, Tensor next)
    {
        if (!ReferenceEquals(old.Storage, next.Storage))
            Release(old);
        return next;
    }

    /// <summary>Closes the scope and hands back everything not kept.</summary>
    public void Dispose() => _stack?.Close(_mark);
}

/// <summary>The list of live storages of one backend, marked by the open scopes; backends hold one and register what they allocate.</summary>
public sealed class ScopeStack
{
    private readonly Action<TensorStorage> _release;
    private readonly List<TensorStorage> _live = [];
    private readonly List<int> _marks = []; // of the open scopes, the innermost last: where in _live each begins
    private readonly HashSet<TensorStorage> _kept = new(ReferenceEqualityComparer.Instance);

    /// <summary>Makes an empty stack.</summary>
    /// <param name="release">Takes a storage back; called once for each.</param>
    public ScopeStack(Action<TensorStorage> release) => _release = release;

    /// <summary>Number of storages handed out and not yet back.</summary>
    public int LiveCount => _live.Count;

    /// <summary>Number of open scopes; while a scope hands its storages back, it counts as open.</summary>
    public int Depth => _marks.Count;

    /// <summary>Opens a scope.</summary>
    public TensorScope Open()
    {
        _marks.Add(_live.Count);
        return new TensorScope(this, _live.Count);
    }

    /// <summary>Registers a new storage with the innermost open scope.</summary>
    public void Add(TensorStorage storage) => _live.Add(storage);

    internal void Keep(TensorStorage storage, int mark)
    {
        // Only noted here; Close moves it below the mark. A storage that an outer scope owns already needs nothing.
        if (_live.LastIndexOf(storage) >= mark)
            _kept.Add(storage);
    }

    internal void Release(TensorStorage storage, int mark)
    {
        int at = _live.LastIndexOf(storage);
        if (at < mark)
            return;
        if (_marks.Count > 0 && at < _marks[^1])
            throw new InvalidOperationException("A tensor of an outer scope was released while an inner scope is open; close that one first.");
        _live.RemoveAt(at);
        _kept.Remove(storage);
        _release(storage);
    }

    internal void Close(int mark)
    {
        if (_marks.Count == 0 || _marks[^1] != mark)
            throw new InvalidOperationException("Scopes close in reverse order of opening, each once.");
        int write = mark;
        for (int i = mark; i < _live.Count; i++)
        {
            TensorStorage storage = _live[i];
            if (_kept.Remove(storage))
                _live[write++] = storage;
            else
                _release(storage);
        }

        _live.RemoveRange(write, _live.Count - write);
        _marks.RemoveAt(_marks.Count - 1);
    }
}
