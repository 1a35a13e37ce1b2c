using System.Numerics;
using AudioToken.Weights;

namespace AudioToken.WeightsConverter.PyTorch.Pickle;

/// <summary>Obeys one pickle with a closed set of opcodes and a closed list of globals: it can make plain data, references to tensors and inert
/// objects, and nothing else. It has no way to call anything.</summary>
/// <remarks>Sources: CPython's pickletools for the opcodes, torch/_weights_only_unpickler.py for the idea. Every limit of
/// <see cref="PickleLimits"/> is checked before memory is taken, and nothing here recurses.</remarks>
internal sealed class PickleMachine
{
    private readonly PickleReader _reader;
    private readonly PickleErrors _errors;
    private readonly PickleStack _stack;
    private readonly ContainerFilling _filling;
    private readonly TensorRebuild _rebuild;
    private readonly SortedDictionary<string, PickleGlobal> _globals;

    /// <summary>Prepares a run.</summary>
    /// <param name="reader">Stands at the pickle's first byte; after the run, behind its last.</param>
    /// <param name="globals">Gathers the globals that are named, by "module name".</param>
    public PickleMachine(PickleReader reader, SortedDictionary<string, PickleGlobal> globals)
    {
        _reader = reader;
        _globals = globals;
        _errors = reader.Errors;
        _stack = new PickleStack(_errors);
        _filling = new ContainerFilling(_stack, _errors);
        _rebuild = new TensorRebuild(_stack, _filling, _errors);
    }

    /// <summary>The storages that the pickle named, by key.</summary>
    public IReadOnlyDictionary<string, StorageReference> Storages => _rebuild.Storages;

    /// <summary>Obeys the pickle and gives the value that it describes.</summary>
    /// <exception cref="WeightFileException">It is malformed, names what is not on the list, or goes beyond a limit.</exception>
    public object? Run()
    {
        for (int operations = 0; operations < PickleLimits.Operations; operations++)
        {
            _errors.Place = _reader.Position;
            PickleOpcode opcode = (PickleOpcode)_reader.ReadByte();
            if (opcode == PickleOpcode.Stop)
                return _stack.IsDone ? _stack[0] : throw _errors.Bad("it ends with values left over");
            Obey(opcode);
        }

        throw _errors.Limit($"more than {PickleLimits.Operations:N0} opcodes");
    }

    private void Obey(PickleOpcode opcode)
    {
        switch (opcode)
        {
            case PickleOpcode.Protocol:
                if (_reader.ReadByte() is var protocol and not (>= 2 and <= 5))
                    throw _errors.Bad($"it is of protocol {protocol}; 2 to 5 are read");
                break;
            case PickleOpcode.Frame:
                _reader.ReadUInt64(); // a hint for buffering; each read is bounded on its own
                break;
            case PickleOpcode.None:
                _stack.Push(null);
                break;
            case PickleOpcode.NewTrue:
                _stack.Push(true);
                break;
            case PickleOpcode.NewFalse:
                _stack.Push(false);
                break;
            case PickleOpcode.BinInt:
                _stack.Push((long)_reader.ReadInt32());
                break;
            case PickleOpcode.BinInt1:
                _stack.Push((long)_reader.ReadByte());
                break;
            case PickleOpcode.BinInt2:
                _stack.Push((long)_reader.ReadUInt16());
                break;
            case PickleOpcode.Long1:
                _stack.Push(ReadLong(_reader.ReadByte()));
                break;
            case PickleOpcode.Long4:
                _stack.Push(ReadLong(_reader.ReadUInt32()));
                break;
            case PickleOpcode.BinFloat:
                _stack.Push(_reader.ReadDouble());
                break;
            case PickleOpcode.ShortBinUnicode:
                _stack.Push(_reader.ReadText(_reader.ReadByte()));
                break;
            case PickleOpcode.BinUnicode:
                _stack.Push(_reader.ReadText(_reader.ReadUInt32()));
                break;
            case PickleOpcode.BinUnicode8:
                _stack.Push(_reader.ReadText(_reader.ReadUInt64()));
                break;
            case PickleOpcode.ShortBinString: // text of Python 2
                _stack.Push(_reader.ReadText(_reader.ReadByte()));
                break;
            case PickleOpcode.BinString:
                _stack.Push(_reader.ReadText(_reader.ReadUInt32()));
                break;
            case PickleOpcode.ShortBinBytes:
                _stack.Push(_reader.ReadBytes(_reader.ReadByte()));
                break;
            case PickleOpcode.BinBytes:
                _stack.Push(_reader.ReadBytes(_reader.ReadUInt32()));
                break;
            case PickleOpcode.BinBytes8:
                _stack.Push(_reader.ReadBytes(_reader.ReadUInt64()));
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
                _stack.Mark();
                break;
            case PickleOpcode.Pop:
                _stack.PopAny();
                break;
            case PickleOpcode.PopMark:
                _stack.Drop(_stack.Unmark());
                break;
            case PickleOpcode.EmptyTuple:
                PushSequence(_stack.Count, isTuple: true);
                break;
            case PickleOpcode.Tuple1:
            case PickleOpcode.Tuple2:
            case PickleOpcode.Tuple3:
                PushSequence(_stack.Last(opcode - PickleOpcode.Tuple1 + 1), isTuple: true);
                break;
            case PickleOpcode.Tuple:
                PushSequence(_stack.Unmark(), isTuple: true);
                break;
            case PickleOpcode.EmptyList:
            case PickleOpcode.EmptySet:
                PushSequence(_stack.Count, isTuple: false);
                break;
            case PickleOpcode.List:
                PushSequence(_stack.Unmark(), isTuple: false);
                break;
            case PickleOpcode.EmptyDict:
                _stack.Push(new PickleMapping());
                break;
            case PickleOpcode.Dict:
                PushMapping(_stack.Unmark());
                break;
            case PickleOpcode.Append:
                AddItems(_stack.Count - 1);
                break;
            case PickleOpcode.Appends:
            case PickleOpcode.AddItems:
                AddItems(_stack.Unmark());
                break;
            case PickleOpcode.SetItem:
                SetItems(_stack.Count - 2);
                break;
            case PickleOpcode.SetItems:
                SetItems(_stack.Unmark());
                break;
            case PickleOpcode.BinPut:
                _stack.Memorise(_reader.ReadByte());
                break;
            case PickleOpcode.LongBinPut:
                _stack.Memorise(_reader.ReadUInt32());
                break;
            case PickleOpcode.Memoize:
                _stack.Memorise();
                break;
            case PickleOpcode.BinGet:
                _stack.Recall(_reader.ReadByte());
                break;
            case PickleOpcode.LongBinGet:
                _stack.Recall(_reader.ReadUInt32());
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
                (object? name, object? from) = (_stack.Pop(), _stack.Pop());
                PushGlobal(from as string ?? throw _errors.Bad("the module of a global is no text"), name as string ?? throw _errors.Bad("the name of a global is no text"));
                break;
            case PickleOpcode.BinPersistentId:
                _stack.Push(_rebuild.Storage(_stack.Pop()));
                break;
            case PickleOpcode.Reduce:
            case PickleOpcode.NewObject:
                (object? arguments, object? callable) = (_stack.Pop(), _stack.Pop());
                _stack.Push(_rebuild.Call(
                    callable as PickleGlobal ?? throw _errors.Bad("it calls what is no class"),
                    arguments as PickleSequence is { IsTuple: true } tuple ? tuple : throw _errors.Bad("the arguments of a call are no tuple")));
                break;
            case PickleOpcode.Build:
                _stack.Pop(); // attributes of a dictionary, parameter or inert object: nothing that is needed here
                if (_stack.Peek() is not (PickleMapping or TensorReference or InertObject))
                    throw _errors.Bad("it sets attributes of what has none");
                break;
            case PickleOpcode.Instance:
                string ofModule = _reader.ReadLine();
                throw _errors.Refused($"builds an object of {WeightFileException.Quote($"{ofModule} {_reader.ReadLine()}")} by opcode INST, which no checkpoint uses");
            case PickleOpcode.Object:
                throw _errors.Refused("builds an object by opcode OBJ, which no checkpoint uses");
            case PickleOpcode.NewObjectEx:
                throw _errors.Refused("builds an object by opcode NEWOBJ_EX, which no checkpoint uses");
            case PickleOpcode.Extension1:
            case PickleOpcode.Extension2:
            case PickleOpcode.Extension4:
                throw _errors.Refused("names a class by an extension code (EXT), which no checkpoint uses");
            case PickleOpcode.PersistentId:
                throw _errors.Refused("names an object outside by opcode PERSID, which no checkpoint uses");
            default:
                throw _errors.Bad($"opcode 0x{(byte)opcode:X2} is not one that checkpoints use");
        }
    }

    private void PushSequence(int first, bool isTuple)
    {
        PickleSequence sequence = new(isTuple);
        Fill(sequence, first);
        _stack.Push(sequence);
    }

    private void Fill(PickleSequence sequence, int first)
    {
        for (int i = first; i < _stack.Count; i++)
            _filling.Add(sequence, _stack[i]);
        _stack.Drop(first);
    }

    private void PushMapping(int first)
    {
        PickleMapping mapping = new();
        Fill(mapping, first);
        _stack.Push(mapping);
    }

    private void Fill(PickleMapping mapping, int first)
    {
        if ((_stack.Count - first) % 2 != 0)
            throw _errors.Bad("a dictionary is given a key without a value");
        for (int i = first; i < _stack.Count; i += 2)
            _filling.Set(mapping, _stack[i], _stack[i + 1]);
        _stack.Drop(first);
    }

    private void AddItems(int first)
    {
        switch (_stack.Below(first))
        {
            case PickleSequence { IsTuple: false } list:
                Fill(list, first);
                break;
            case InertObject:
                _stack.Drop(first);
                break;
            default:
                throw _errors.Bad("it adds items to what is no list");
        }
    }

    private void SetItems(int first)
    {
        switch (_stack.Below(first))
        {
            case PickleMapping mapping:
                Fill(mapping, first);
                break;
            case InertObject:
                _stack.Drop(first);
                break;
            default:
                throw _errors.Bad("it sets items of what is no dictionary");
        }
    }

    private object ReadLong(ulong length)
    {
        if (length > PickleLimits.NumberBytes)
            throw _errors.Limit($"a number of {length:N0} bytes");
        BigInteger number = new(_reader.ReadBytes(length));
        return number >= long.MinValue && number <= long.MaxValue ? (object)(long)number : number;
    }

    private void PushGlobal(string module, string name)
    {
        if (module.Length > PickleLimits.NameLength || name.Length > PickleLimits.NameLength)
            throw _errors.Limit($"a name longer than {PickleLimits.NameLength} characters");
        string full = $"{module} {name}";
        if (!_globals.TryGetValue(full, out PickleGlobal? global))
        {
            if (AllowedGlobals.Find(module, name) is not { } role)
                throw _errors.NotAllowed(module, name);
            if (_globals.Count == PickleLimits.Globals)
                throw _errors.Limit($"more than {PickleLimits.Globals:N0} globals");
            _globals.Add(full, global = new PickleGlobal(module, name, role));
        }

        _stack.Push(global);
    }
}
