using System.Text.Json;

namespace AudioToken.Weights;

/// <summary>Takes the tokens of a safetensors header one by one, as they come out of a buffer that holds only a part of it.</summary>
internal sealed class SafetensorsHeaderParser(string file)
{
    private const int MaxRank = 16; // more extents than any framework writes

    private readonly HashSet<string> _names = [];
    private readonly List<long> _numbers = [];
    private State _state = State.Start;
    private string _key = "";
    private string? _type;
    private long[]? _extents;
    private long[]? _offsets;
    private bool _metadataSeen;
    private long _textBytes;
    private long _base;

    private enum State
    {
        Start,
        Root,
        AfterName,
        Metadata,
        MetadataValue,
        Entry,
        Type,
        Extents,
        ExtentList,
        Offsets,
        OffsetList,
        Done,
    }

    public List<StoredTensor> Tensors { get; } = [];

    public Dictionary<string, string> Metadata { get; } = [];

    /// <summary>True once the header's closing brace has come.</summary>
    public bool Done => _state == State.Done;

    /// <summary>Takes one token.</summary>
    /// <param name="reader">A reader that stands on it.</param>
    /// <param name="start">Place in the file of the reader's first byte, for messages.</param>
    public void Accept(ref Utf8JsonReader reader, long start)
    {
        _base = start;
        JsonTokenType token = reader.TokenType;
        switch (_state)
        {
            case State.Start when token == JsonTokenType.StartObject:
                _state = State.Root;
                break;
            case State.Root when token == JsonTokenType.PropertyName:
                BeginName(ref reader);
                break;
            case State.Root when token == JsonTokenType.EndObject:
                _state = State.Done;
                break;
            case State.AfterName when token == JsonTokenType.StartObject:
                (_type, _extents, _offsets) = (null, null, null);
                _state = _key == SafetensorsFile.MetadataKey ? State.Metadata : State.Entry;
                break;
            case State.AfterName:
                throw Bad(ref reader, $"{Quoted} is {Describe(token)}, wanted an object");
            case State.Metadata when token == JsonTokenType.PropertyName:
                _key = Text(ref reader);
                if (Metadata.ContainsKey(_key))
                    throw Bad(ref reader, $"the metadata has the key {Quoted} twice");
                _state = State.MetadataValue;
                break;
            case State.Metadata when token == JsonTokenType.EndObject:
            case State.Entry when token == JsonTokenType.EndObject:
                EndObject(ref reader);
                break;
            case State.MetadataValue when token == JsonTokenType.String:
                Metadata.Add(_key, Text(ref reader));
                _state = State.Metadata;
                break;
            case State.MetadataValue:
                throw Bad(ref reader, $"metadata {Quoted} is {Describe(token)}, wanted a string");
            case State.Entry:
                BeginField(ref reader);
                break;
            case State.Type when token == JsonTokenType.String:
                _type = Text(ref reader);
                _state = State.Entry;
                break;
            case State.Type:
                throw Bad(ref reader, $"the dtype of {Quoted} is {Describe(token)}, wanted a string");
            case State.Extents or State.Offsets when token == JsonTokenType.StartArray:
                _numbers.Clear();
                _state++;
                break;
            case State.Extents or State.Offsets:
                throw Bad(ref reader, $"the {Field} of {Quoted} is {Describe(token)}, wanted an array");
            case State.ExtentList or State.OffsetList when token == JsonTokenType.EndArray:
                EndList(ref reader);
                break;
            case State.ExtentList or State.OffsetList:
                AddNumber(ref reader);
                break;
            default:
                throw Bad(ref reader, $"unexpected {Describe(token)}");
        }
    }

    private string Quoted => WeightFileException.Quote(_key);

    private string Field => _state is State.Extents or State.ExtentList ? "shape" : "data_offsets";

    private void BeginName(ref Utf8JsonReader reader)
    {
        _key = Text(ref reader);
        if (_key == SafetensorsFile.MetadataKey)
        {
            if (_metadataSeen)
                throw Bad(ref reader, $"the key {Quoted} stands twice");
            _metadataSeen = true;
        }
        else if (!_names.Add(_key))
        {
            throw Bad(ref reader, $"the tensor {Quoted} stands twice");
        }
        else if (_names.Count > SafetensorsHeader.MaxTensors)
        {
            throw Bad(ref reader, FormattableString.Invariant($"more than {SafetensorsHeader.MaxTensors:N0} tensors"));
        }

        _state = State.AfterName;
    }

    private void BeginField(ref Utf8JsonReader reader)
    {
        (bool again, State next) =
            reader.ValueTextEquals("dtype"u8) ? (_type is not null, State.Type)
            : reader.ValueTextEquals("shape"u8) ? (_extents is not null, State.Extents)
            : reader.ValueTextEquals("data_offsets"u8) ? (_offsets is not null, State.Offsets)
            : throw Bad(ref reader, $"{Quoted} has a field {WeightFileException.Quote(Text(ref reader))}; dtype, shape and data_offsets are all there can be");
        if (again)
            throw Bad(ref reader, $"{Quoted} has its {reader.GetString()} twice");
        _state = next;
    }

    private void EndObject(ref Utf8JsonReader reader)
    {
        if (_state == State.Entry)
        {
            if (_type is null || _extents is null || _offsets is null)
                throw Bad(ref reader, $"{Quoted} has no {(_type is null ? "dtype" : _extents is null ? "shape" : "data_offsets")}");
            Tensors.Add(new StoredTensor(_key, _type, _extents, _offsets[0], _offsets[1]));
        }

        _state = State.Root;
    }

    private void AddNumber(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.Number)
            throw Bad(ref reader, $"the {Field} of {Quoted} holds {Describe(reader.TokenType)}, wanted whole numbers");
        if (!reader.TryGetInt64(out long number) || number < 0)
            throw Bad(ref reader, $"the {Field} of {Quoted} holds a number that is not whole, negative or beyond 2^63");
        if (_numbers.Count == MaxRank)
            throw Bad(ref reader, $"the {Field} of {Quoted} has more than {MaxRank} numbers");
        _numbers.Add(number);
    }

    private void EndList(ref Utf8JsonReader reader)
    {
        if (_state == State.ExtentList)
        {
            _extents = [.. _numbers];
        }
        else
        {
            if (_numbers.Count != 2)
                throw Bad(ref reader, $"the data_offsets of {Quoted} are {_numbers.Count} numbers, wanted begin and end");
            if (_numbers[1] < _numbers[0])
                throw Bad(ref reader, $"{Quoted} ends at byte {_numbers[1]}, before it begins at {_numbers[0]}");
            _offsets = [.. _numbers];
        }

        _state = State.Entry;
    }

    // Throws InvalidOperationException where the bytes are not UTF-8; the header's loop gives that its words.
    private string Text(ref Utf8JsonReader reader)
    {
        _textBytes += reader.ValueSpan.Length;
        return _textBytes <= SafetensorsHeader.MaxTextBytes
            ? reader.GetString()!
            : throw Bad(ref reader, FormattableString.Invariant($"names and metadata are longer than {SafetensorsHeader.MaxTextBytes:N0} bytes together"));
    }

    private static string Describe(JsonTokenType token) => token switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.True or JsonTokenType.False => "a truth value",
        JsonTokenType.Null => "null",
        _ => token.ToString(),
    };

    private WeightFileException Bad(ref Utf8JsonReader reader, string what) => new(ErrorCode.Header, file,
        FormattableString.Invariant($"at byte {_base + reader.TokenStartIndex}: {what}."), "Damaged, or not a safetensors file.");
}
