using AudioToken.Weights;
using AudioToken.WeightsConverter.PyTorch.Pickle;

namespace AudioToken.WeightsConverter.PyTorch;

/// <summary>Finds the tensors in what was pickled, gives them names, and keeps the rest as plain data.</summary>
/// <remarks>
/// <list type="bullet">
/// <item>The dictionary under <c>state_dict</c> (LDM, Lightning) or <c>model</c> (BEATs), if it has tensors; what stands beside it is plain data.</item>
/// <item>Else every tensor there is (a diffusers .bin, AudioToken's embedder and LoRA).</item>
/// </list>
/// Dictionaries in dictionaries give names joined by dots.
/// </remarks>
internal sealed class StateDict
{
    private const int MaxTensors = 65_536; // as in a safetensors header
    private const int MaxNameCharacters = 8 << 20;
    private const int MaxVisits = 1_000_000;

    private static readonly string[] s_stateKeys = ["state_dict", "model"];

    private readonly string _file;
    private readonly Dictionary<string, TensorReference> _tensors = [];
    private readonly Dictionary<string, string> _plain = [];
    private readonly PlainJson _json = new();
    private int _visits;
    private long _nameCharacters;

    private StateDict(string file) => _file = file;

    /// <summary>The tensors, in their order in the file.</summary>
    public IReadOnlyDictionary<string, TensorReference> Tensors => _tensors;

    /// <summary>The rest: JSON by name.</summary>
    public IReadOnlyDictionary<string, string> Plain => _plain;

    /// <summary>The key of the root under which the tensors were found; null for the root itself.</summary>
    public string? Key { get; private set; }

    /// <exception cref="WeightFileException">There are no tensors under names.</exception>
    public static StateDict Of(string file, object? root)
    {
        StateDict state = new(file);
        if (root is not PickleMapping mapping)
        {
            throw new WeightFileException(ErrorCode.Content, file, $"its content is {Kind(root)}, wanted a dictionary of tensors.",
                $"Save the model's state_dict: python -c \"import torch; torch.save(torch.load('{file}', 'cpu').state_dict(), 'weights.pt')\"");
        }

        state.Key = Array.Find(s_stateKeys, key => mapping.Find(key) is PickleMapping inner && inner.Entries.Any(entry => entry.Value is TensorReference));
        if (state.Key is null)
        {
            state.Walk(mapping, "", 0);
        }
        else
        {
            foreach ((object key, object? value) in mapping.Entries)
            {
                if (key is string name && name == state.Key)
                    state.Walk((PickleMapping)value!, "", 0);
                else
                    state.AddPlain(PlainJson.KeyText(key), value);
            }
        }

        return state._tensors.Count > 0
            ? state
            : throw new WeightFileException(ErrorCode.Content, file, "it holds no tensors under names.", "Not a checkpoint of a model, or one whose weights lie in another file.");
    }

    private void Walk(PickleMapping mapping, string prefix, int depth)
    {
        if (depth > PickleLimits.Depth)
            throw TooMuch($"its dictionaries are nested more than {PickleLimits.Depth} deep, or one holds itself");
        foreach ((object key, object? value) in mapping.Entries)
        {
            if (++_visits > MaxVisits)
                throw TooMuch(FormattableString.Invariant($"its dictionaries hold one another more than {MaxVisits:N0} times over"));
            string name = prefix + PlainJson.KeyText(key);
            if ((_nameCharacters += name.Length) > MaxNameCharacters)
                throw TooMuch(FormattableString.Invariant($"its names are longer than {MaxNameCharacters:N0} characters together"));
            switch (value)
            {
                case TensorReference tensor:
                    Add(name, tensor);
                    break;
                case PickleMapping inner when Holds(inner, depth):
                    Walk(inner, name + ".", depth + 1);
                    break;
                default:
                    AddPlain(name, value);
                    break;
            }
        }
    }

    // Every entry looked at is a visit: many names for one large dictionary would take for ever.
    private bool Holds(PickleMapping mapping, int depth)
    {
        _visits += mapping.Entries.Count;
        return _visits <= MaxVisits && depth <= PickleLimits.Depth
            && mapping.Entries.Any(entry => entry.Value is TensorReference || (entry.Value is PickleMapping inner && Holds(inner, depth + 1)));
    }

    private void Add(string name, TensorReference tensor)
    {
        if (!_tensors.TryAdd(name, tensor))
            throw new WeightFileException(ErrorCode.Content, _file, $"two tensors would be called {WeightFileException.Quote(name)}.", "Damaged, or written by faulty software.");
        if (_tensors.Count > MaxTensors)
            throw TooMuch(FormattableString.Invariant($"it has more than {MaxTensors:N0} tensors"));
    }

    private void AddPlain(string name, object? value)
    {
        if (_json.Of(value) is { } json)
            _plain.TryAdd(name, json);
    }

    private WeightFileException TooMuch(string what) => new(ErrorCode.Limit, _file, $"{what}.", "No checkpoint of a model this program draws with is like that: do not use the file.");

    private static string Kind(object? root) => root switch
    {
        null => "None",
        TensorReference => "a single tensor",
        PickleSequence => "a list",
        InertObject inert => $"an object of {inert.Type}",
        string => "text",
        _ => "a single value",
    };
}
