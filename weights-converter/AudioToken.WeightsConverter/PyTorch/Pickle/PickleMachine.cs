using System.Numerics;
using AudioToken.Weights;

namespace AudioToken.WeightsConverter.PyTorch.Pickle;

/// <summary>Obeys one pickle with a closed set of opcodes and a closed list of globals: it can make plain data, references to tensors and inert
/// objects, and nothing else. It has no way to call anything.</summary>
/// <remarks>Sources: CPython's pickletools for the opcodes, torch/_weights_only_unpickler.py for the idea. Every limit of
/// <see cref="PickleLimits"/> is checked before memory is taken, and nothing here recurses.</remarks>
internal sealed class PickleMachine
{
    private const int EntryNodes = 3; // what an entry of a dictionary takes beside its key and value

    private static readonly object s_unset = new();

    private readonly PickleReader _reader;
    private readonly TensorRebuild _rebuild;
    private readonly SortedDictionary<string, PickleGlobal> _globals;
    private readonly List<object?> _stack = [];
    private readonly List<int> _marks = [];
    private readonly List<object?> _memo = [];
    private long _place; // of the opcode being obeyed
    private int _nodes;

    /// <summary>Prepares a run.</summary>
    /// <param name="reader">Stands at the pickle's first byte; after the run, behind its last.</param>
    /// <param name="globals">Gathers the globals that are named, by "module name".</param>
    public PickleMachine(PickleReader reader, SortedDictionary<string, PickleGlobal> globals)
    {
        _reader = reader;
        _globals = globals;
        _rebuild = new TensorRebuild(this);
    }

    /// <summary>The storages that the pickle named, by key.</summary>
    public IReadOnlyDictionary<string, StorageReference> Storages => _rebuild.Storages;

    /// <summary>Obeys the pickle and gives the value that it describes.</summary>
    /// <exception cref="WeightFileException">It is malformed, names what is not on the list, or goes beyond a limit.</exception>
    public object? Run()
    {
        for (int operations = 0; operations < PickleLimits.Operations; operations++)
        {
            _place = _reader.Position;
            PickleOpcode opcode = (PickleOpcode)_reader.ReadByte();
            if (opcode == PickleOpcode.Stop)
                return _stack.Count == 1 && _marks.Count == 0 ? _stack[0] : throw Bad("it ends with values left over");
            Obey(opcode);
        }

        throw _reader.Limit($"more than {PickleLimits.Operations:N0} opcodes");
    }

    /// <summary>An exception about the opcode being obeyed.</summary>
    public WeightFileException Bad(string what) => _reader.Bad(_place, what);

    /// <summary>Counts values that are about to be made.</summary>
    public void Count(int nodes)
    {
        _nodes += nodes;
        if (_nodes > PickleLimits.Nodes)
            throw _reader.Limit($"more than {PickleLimits.Nodes:N0} values");
    }

    /// <summary>Adds an item to a sequence.</summary>
    public void Add(PickleSequence sequence, object? item)
    {
        sequence.Add(item);
        Nest(sequence, item);
    }

    /// <summary>Adds an entry to a mapping.</summary>
    public void Set(PickleMapping mapping, object? key, object? value)
    {
        Count(EntryNodes);
        if (key is not (string or long or bool or double or BigInteger or PickleGlobal))
            throw Bad("a key of a dictionary is neither text, number nor class");
        if (key is string { Length: > PickleLimits.KeyLength })
            throw _reader.Limit($"a key longer than {PickleLimits.KeyLength:N0} characters");
        if (!mapping.TryAdd(key, value))
            throw Bad($"a dictionary has the key {WeightFileException.Quote(key.ToString()!)} twice");
        Nest(mapping, value);
    }

    private void Obey(PickleOpcode opcode)
    {
        switch (opcode)
        {
            case PickleOpcode.Protocol:
                if (_reader.ReadByte() is var protocol and not (>= 2 and <= 5))
                    throw Bad($"it is of protocol {protocol}; 2 to 5 are read");
                break;
            case PickleOpcode.Frame:
                _reader.ReadUInt64(); // a hint for buffering; each read is bounded on its own
                break;
            case PickleOpcode.None:
                Push(null);
                break;
            case PickleOpcode.NewTrue:
                Push(true);
                break;
            case PickleOpcode.NewFalse:
                Push(false);
                break;
            case PickleOpcode.BinInt:
                Push((long)_reader.ReadInt32());
                break;
            case PickleOpcode.BinInt1:
                Push((long)_reader.ReadByte());
                break;
            case PickleOpcode.BinInt2:
                Push((long)_reader.ReadUInt16());
                break;
            case PickleOpcode.Long1:
                Push(ReadLong(_reader.ReadByte()));
                break;
            case PickleOpcode.Long4:
                Push(ReadLong(_reader.ReadUInt32()));
                break;
            case PickleOpcode.BinFloat:
                Push(_reader.ReadDouble());
                break;
            case PickleOpcode.ShortBinUnicode:
                Push(_reader.ReadText(_reader.ReadByte()));
                break;
            case PickleOpcode.BinUnicode:
                Push(_reader.ReadText(_reader.ReadUInt32()));
                break;
            case PickleOpcode.BinUnicode8:
                Push(_reader.ReadText(_reader.ReadUInt64()));
                break;
            case PickleOpcode.ShortBinString: // text of Python 2
                Push(_reader.ReadText(_reader.ReadByte()));
                break;
            case PickleOpcode.BinString:
                Push(_reader.ReadText(_reader.ReadUInt32()));
                break;
            case PickleOpcode.ShortBinBytes:
                Push(_reader.ReadBytes(_reader.ReadByte()));
                break;
            case PickleOpcode.BinBytes:
                Push(_reader.ReadBytes(_reader.ReadUInt32()));
                break;
            case PickleOpcode.BinBytes8:
                Push(_reader.ReadBytes(_reader.ReadUInt64()));
                break;
            default:
                ObeyStructure(opcode);
                break;
        }
    }

    private void ObeyStructure(PickleOpcode opcode)
    {
        switch (opcode)
        {
            case PickleOpcode.Mark:
                Count(1);
                _marks.Add(_stack.Count);
                break;
            case PickleOpcode.Pop when _marks.Count > 0 && _marks[^1] == _stack.Count:
                _marks.RemoveAt(_marks.Count - 1);
                break;
            case PickleOpcode.Pop:
                Pop();
                break;
            case PickleOpcode.PopMark:
                Drop(Mark());
                break;
            case PickleOpcode.EmptyTuple:
                PushSequence(_stack.Count, isTuple: true);
                break;
            case PickleOpcode.Tuple1:
            case PickleOpcode.Tuple2:
            case PickleOpcode.Tuple3:
                int first = _stack.Count - (opcode - PickleOpcode.Tuple1 + 1);
                PushSequence(first >= Floor ? first : throw Underflow(), isTuple: true);
                break;
            case PickleOpcode.Tuple:
                PushSequence(Mark(), isTuple: true);
                break;
            case PickleOpcode.EmptyList:
            case PickleOpcode.EmptySet:
                PushSequence(_stack.Count, isTuple: false);
                break;
            case PickleOpcode.List:
                PushSequence(Mark(), isTuple: false);
                break;
            case PickleOpcode.EmptyDict:
                Push(new PickleMapping());
                break;
            case PickleOpcode.Dict:
                PushMapping(Mark());
                break;
            case PickleOpcode.Append:
                AddItems(_stack.Count - 1);
                break;
            case PickleOpcode.Appends:
            case PickleOpcode.AddItems:
                AddItems(Mark());
                break;
            case PickleOpcode.SetItem:
                SetItems(_stack.Count - 2);
                break;
            case PickleOpcode.SetItems:
                SetItems(Mark());
                break;
            case PickleOpcode.BinPut:
                Memorise(_reader.ReadByte());
                break;
            case PickleOpcode.LongBinPut:
                Memorise(_reader.ReadUInt32());
                break;
            case PickleOpcode.Memoize:
                Memorise((uint)_memo.Count);
                break;
            case PickleOpcode.BinGet:
                Push(Recall(_reader.ReadByte()));
                break;
            case PickleOpcode.LongBinGet:
                Push(Recall(_reader.ReadUInt32()));
                break;
            default:
                ObeyConstruction(opcode);
                break;
        }
    }

    private void ObeyConstruction(PickleOpcode opcode)
    {
        switch (opcode)
        {
            case PickleOpcode.Global:
                string module = _reader.ReadLine();
                PushGlobal(module, _reader.ReadLine());
                break;
            case PickleOpcode.StackGlobal:
                (object? name, object? from) = (Pop(), Pop());
                PushGlobal(from as string ?? throw Bad("the module of a global is no text"), name as string ?? throw Bad("the name of a global is no text"));
                break;
            case PickleOpcode.BinPersistentId:
                Push(_rebuild.Storage(Pop()));
                break;
            case PickleOpcode.Reduce:
            case PickleOpcode.NewObject:
                (object? arguments, object? callable) = (Pop(), Pop());
                Push(_rebuild.Call(
                    callable as PickleGlobal ?? throw Bad("it calls what is no class"),
                    arguments as PickleSequence is { IsTuple: true } tuple ? tuple : throw Bad("the arguments of a call are no tuple")));
                break;
            case PickleOpcode.Build:
                Pop(); // attributes of a dictionary, parameter or inert object: nothing that is needed here
                if (Peek() is not (PickleMapping or TensorReference or InertObject))
                    throw Bad("it sets attributes of what has none");
                break;
            case PickleOpcode.Instance:
                string ofModule = _reader.ReadLine();
                throw Refused($"builds an object of '{ofModule} {_reader.ReadLine()}' by opcode INST, which no checkpoint uses");
            case PickleOpcode.Object:
                throw Refused("builds an object by opcode OBJ, which no checkpoint uses");
            case PickleOpcode.NewObjectEx:
                throw Refused("builds an object by opcode NEWOBJ_EX, which no checkpoint uses");
            case PickleOpcode.Extension1:
            case PickleOpcode.Extension2:
            case PickleOpcode.Extension4:
                throw Refused("names a class by an extension code (EXT), which no checkpoint uses");
            case PickleOpcode.PersistentId:
                throw Refused("names an object outside by opcode PERSID, which no checkpoint uses");
            default:
                throw Bad($"opcode 0x{(byte)opcode:X2} is not one that checkpoints use");
        }
    }

    /// <summary>The lowest place of the stack that belongs to the innermost mark.</summary>
    private int Floor => _marks.Count == 0 ? 0 : _marks[^1];

    private void Nest(PickleContainer container, object? value)
    {
        if (value is not PickleContainer inner || inner.Depth < container.Depth)
            return;
        container.Depth = inner.Depth + 1;
        if (container.Depth > PickleLimits.Depth)
            throw _reader.Limit($"containers nested more than {PickleLimits.Depth} deep");
    }

    private void Push(object? value)
    {
        Count(value is PickleContainer ? 2 : 1);
        _stack.Add(value);
    }

    private object? Peek() => _stack.Count > Floor ? _stack[^1] : throw Underflow();

    private object? Pop()
    {
        object? top = Peek();
        _stack.RemoveAt(_stack.Count - 1);
        return top;
    }

    private int Mark()
    {
        if (_marks.Count == 0)
            throw Bad("an opcode wants a mark, and there is none");
        int mark = _marks[^1];
        _marks.RemoveAt(_marks.Count - 1);
        return mark;
    }

    private void Drop(int first) => _stack.RemoveRange(first, _stack.Count - first);

    private void PushSequence(int first, bool isTuple)
    {
        PickleSequence sequence = new(isTuple);
        Fill(sequence, first);
        Push(sequence);
    }

    private void Fill(PickleSequence sequence, int first)
    {
        for (int i = first; i < _stack.Count; i++)
            Add(sequence, _stack[i]);
        Drop(first);
    }

    private void PushMapping(int first)
    {
        PickleMapping mapping = new();
        Fill(mapping, first);
        Push(mapping);
    }

    private void Fill(PickleMapping mapping, int first)
    {
        if ((_stack.Count - first) % 2 != 0)
            throw Bad("a dictionary is given a key without a value");
        for (int i = first; i < _stack.Count; i += 2)
            Set(mapping, _stack[i], _stack[i + 1]);
        Drop(first);
    }

    private void AddItems(int first)
    {
        switch (Target(first))
        {
            case PickleSequence { IsTuple: false } list:
                Fill(list, first);
                break;
            case InertObject:
                Drop(first);
                break;
            default:
                throw Bad("it adds items to what is no list");
        }
    }

    private void SetItems(int first)
    {
        switch (Target(first))
        {
            case PickleMapping mapping:
                Fill(mapping, first);
                break;
            case InertObject:
                Drop(first);
                break;
            default:
                throw Bad("it sets items of what is no dictionary");
        }
    }

    // What lies below the items, on the same side of the mark.
    private object? Target(int first) => first > Floor ? _stack[first - 1] : throw Underflow();

    private void Memorise(uint index)
    {
        if (index >= PickleLimits.Memo)
            throw _reader.Limit($"memo entry {index:N0}; at most {PickleLimits.Memo:N0} are kept");
        object? value = Peek();
        while (_memo.Count <= (int)index)
            _memo.Add(s_unset);
        _memo[(int)index] = value;
    }

    private object? Recall(uint index) => index < _memo.Count && _memo[(int)index] is var value && value != s_unset
        ? value
        : throw Bad($"memo entry {index} is fetched before it was stored");

    private object ReadLong(ulong length)
    {
        if (length > PickleLimits.NumberBytes)
            throw _reader.Limit($"a number of {length:N0} bytes");
        BigInteger number = new(_reader.ReadBytes(length));
        return number >= long.MinValue && number <= long.MaxValue ? (object)(long)number : number;
    }

    private void PushGlobal(string module, string name)
    {
        if (module.Length > PickleLimits.NameLength || name.Length > PickleLimits.NameLength)
            throw _reader.Limit($"a name longer than {PickleLimits.NameLength} characters");
        string full = $"{module} {name}";
        if (!_globals.TryGetValue(full, out PickleGlobal? global))
        {
            if (AllowedGlobals.Find(module, name) is not { } role)
                throw RefusedGlobal(module, name);
            if (_globals.Count == PickleLimits.Globals)
                throw _reader.Limit($"more than {PickleLimits.Globals:N0} globals");
            _globals.Add(full, global = new PickleGlobal(module, name, role));
        }

        Push(global);
    }

    private WeightFileException RefusedGlobal(string module, string name)
    {
        string full = $"{module} {name}";
        return AllowedGlobals.IsModule(module) ? _reader.WholeModule(_place, full)
            : AllowedGlobals.IsOtherTensor(module, name) ? _reader.OtherTensor(_place, full)
            : Refused($"names {WeightFileException.Quote(full)}, which no checkpoint needs");
    }

    private WeightFileException Refused(string what) => _reader.Refused(_place, what);

    private WeightFileException Underflow() => Bad("an opcode wants more values than there are");
}
