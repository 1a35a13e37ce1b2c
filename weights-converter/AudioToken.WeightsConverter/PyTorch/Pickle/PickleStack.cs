using AudioToken.Weights;

namespace AudioToken.WeightsConverter.PyTorch.Pickle;

/// <summary>Stack, marks and memo of a pickle being played, and the account of all values made.</summary>
internal sealed class PickleStack(PickleErrors errors)
{
    private static readonly object s_unset = new();

    private readonly List<object?> _values = [];
    private readonly List<int> _marks = [];
    private readonly List<object?> _memo = [];
    private int _nodes;

    /// <summary>Values on the stack.</summary>
    public int Count => _values.Count;

    /// <summary>True if nothing is on the stack but one value, and no mark is open.</summary>
    public bool IsDone => _values.Count == 1 && _marks.Count == 0;

    /// <summary>A value by its place, counted from the bottom.</summary>
    public object? this[int place] => _values[place];

    // The lowest place that belongs to the innermost mark.
    private int Floor => _marks.Count == 0 ? 0 : _marks[^1];

    /// <summary>Counts values that are about to be made.</summary>
    public void Spend(int nodes)
    {
        _nodes += nodes;
        if (_nodes > PickleLimits.Nodes)
            throw errors.Limit($"more than {PickleLimits.Nodes:N0} values");
    }

    public void Push(object? value)
    {
        Spend(value is PickleContainer ? 2 : 1);
        _values.Add(value);
    }

    public object? Peek() => _values.Count > Floor ? _values[^1] : throw Underflow();

    public object? Pop()
    {
        object? top = Peek();
        _values.RemoveAt(_values.Count - 1);
        return top;
    }

    /// <summary>What lies below the values from <paramref name="first"/> on, on the same side of the mark.</summary>
    public object? Below(int first) => first > Floor ? _values[first - 1] : throw Underflow();

    /// <summary>The place from which so many values reach to the top.</summary>
    public int Last(int count) => _values.Count - count >= Floor ? _values.Count - count : throw Underflow();

    /// <summary>Takes away the values from <paramref name="first"/> on.</summary>
    public void Drop(int first) => _values.RemoveRange(first, _values.Count - first);

    public void Mark()
    {
        Spend(1);
        _marks.Add(_values.Count);
    }

    /// <summary>Takes the innermost mark away and gives its place.</summary>
    public int Unmark()
    {
        if (_marks.Count == 0)
            throw errors.Bad("an opcode wants a mark, and there is none");
        int mark = _marks[^1];
        _marks.RemoveAt(_marks.Count - 1);
        return mark;
    }

    /// <summary>Takes away what is on top: a value, or a mark without values.</summary>
    public void PopAny()
    {
        if (_marks.Count > 0 && _marks[^1] == _values.Count)
            _marks.RemoveAt(_marks.Count - 1);
        else
            Pop();
    }

    /// <summary>Remembers the top under the next number.</summary>
    public void Memorise() => Memorise((uint)_memo.Count);

    /// <summary>Remembers the top under a number.</summary>
    public void Memorise(uint index)
    {
        if (index >= PickleLimits.Memo)
            throw errors.Limit($"memo entry {index:N0}; at most {PickleLimits.Memo:N0} are kept");
        object? value = Peek();
        while (_memo.Count <= (int)index)
            _memo.Add(s_unset);
        _memo[(int)index] = value;
    }

    /// <summary>Puts on top what was remembered.</summary>
    public void Recall(uint index) => Push(index < _memo.Count && _memo[(int)index] is var value && value != s_unset
        ? value
        : throw errors.Bad($"memo entry {index} is fetched before it was stored"));

    private WeightFileException Underflow() => errors.Bad("an opcode wants more values than there are");
}
