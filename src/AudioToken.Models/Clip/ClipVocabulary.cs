using System.Text.Json;
using AudioToken.Tensors;

namespace AudioToken.Models.Clip;

/// <summary>The token strings of a tokenizer and their ids, read from its files and checked.</summary>
internal sealed class ClipVocabulary
{
    private const string DefaultBos = "<|startoftext|>", DefaultEos = "<|endoftext|>";

    private readonly Dictionary<string, int> _ids;

    private ClipVocabulary(Dictionary<string, int> ids) => _ids = ids;

    /// <summary>Token strings and ids; the ids are 0 to the count, without a gap.</summary>
    public IReadOnlyDictionary<string, int> Ids => _ids;

    /// <summary>The strings that are cut out of a text before anything else: specials and added tokens.</summary>
    public List<string> Added { get; } = [];

    public string Bos { get; private set; } = DefaultBos;

    public string Eos { get; private set; } = DefaultEos;

    public string Unk { get; private set; } = DefaultEos;

    public string Pad { get; private set; } = DefaultEos;

    /// <summary>Reads vocab.json, or rebuilds it from the merges, and then the files that name special and added tokens.</summary>
    public static ClipVocabulary Read(TokenizerFiles files, BytePairEncoder encoder)
    {
        byte[]? json = files.Find("vocab.json");
        ClipVocabulary vocabulary = new(json is null ? Rebuild(encoder) : ReadIds("vocab.json", json, 0));
        if (json is not null && encoder.Symbols.Skip(512).FirstOrDefault(symbol => !vocabulary.Ids.ContainsKey(symbol)) is string missing)
            throw new AudioTokenException(4304, $"vocab.json has no '{missing}', which merges.txt makes; the two files are not of one model.");

        Dictionary<string, string> specials = [];
        // The map comes last and wins: Stable Diffusion 2 pads with "!" there, though its config still names the end of text.
        foreach (string name in (string[])["tokenizer_config.json", "special_tokens_map.json"])
        {
            if (files.Find(name) is byte[] bytes)
                ReadSpecials(name, bytes, specials);
        }

        vocabulary.Bos = specials.GetValueOrDefault("bos_token", DefaultBos);
        vocabulary.Eos = specials.GetValueOrDefault("eos_token", DefaultEos);
        vocabulary.Unk = specials.GetValueOrDefault("unk_token", vocabulary.Eos);
        vocabulary.Pad = specials.GetValueOrDefault("pad_token", vocabulary.Eos);
        if (files.Find("added_tokens.json") is byte[] added)
            vocabulary.Append(ReadIds("added_tokens.json", added, null));
        foreach (string token in (string[])[vocabulary.Bos, vocabulary.Eos, vocabulary.Unk, vocabulary.Pad])
        {
            if (!vocabulary.Ids.ContainsKey(token))
                throw new AudioTokenException(4305, $"{files.Description}: the special token '{token}' is not among the vocabulary's {vocabulary.Ids.Count:N0} entries.");
            vocabulary.Added.Add(token);
        }

        return vocabulary;
    }

    /// <summary>Gives a new token the next id.</summary>
    public int Append(string token)
    {
        _ids.Add(token, _ids.Count);
        Added.Add(token);
        return _ids[token];
    }

    private void Append(Dictionary<string, int> added)
    {
        foreach ((string token, int id) in added.OrderBy(pair => pair.Value))
        {
            if (_ids.TryGetValue(token, out int known) ? known != id : id != _ids.Count)
                throw new AudioTokenException(4303, $"added_tokens.json gives '{token}' the id {id}, expected {(_ids.ContainsKey(token) ? known : _ids.Count)}.");
            _ids[token] = id;
            Added.Add(token);
        }
    }

    private static Dictionary<string, int> Rebuild(BytePairEncoder encoder)
    {
        Dictionary<string, int> ids = [];
        foreach (string symbol in (IEnumerable<string>)[.. encoder.Symbols, DefaultBos, DefaultEos])
            ids[symbol] = ids.Count;
        return ids;
    }

    // An object of token string -> id; where 'first' is given, the ids must be that and up, each once.
    private static Dictionary<string, int> ReadIds(string file, byte[] json, int? first)
    {
        Dictionary<string, int> ids = [];
        Dictionary<int, string> tokens = [];
        Utf8JsonReader reader = Begin(file, json);
        while (Next(file, json, ref reader) == JsonTokenType.PropertyName)
        {
            string token = Text(file, json, ref reader);
            if (Next(file, json, ref reader) != JsonTokenType.Number || !reader.TryGetInt32(out int id) || id < 0)
                throw Malformed(file, json, reader.TokenStartIndex, $"'{token}' has no id (an integer, not negative)");
            if (!ids.TryAdd(token, id))
                throw Malformed(file, json, reader.TokenStartIndex, $"'{token}' stands there twice");
            if (!tokens.TryAdd(id, token))
                throw Malformed(file, json, reader.TokenStartIndex, $"'{token}' has id {id}, which '{tokens[id]}' has too");
        }

        for (int id = first ?? int.MaxValue; id < ids.Count; id++)
        {
            if (!tokens.ContainsKey(id))
                throw new AudioTokenException(4303, $"{file} has {ids.Count:N0} entries but none with id {id}; ids must be 0 to {ids.Count - 1} without a gap.");
        }

        return ids;
    }

    // A special token is a string, or an object that has the string as "content".
    private static void ReadSpecials(string file, byte[] json, Dictionary<string, string> specials)
    {
        Utf8JsonReader reader = Begin(file, json);
        while (Next(file, json, ref reader) == JsonTokenType.PropertyName)
        {
            string name = Text(file, json, ref reader);
            JsonTokenType type = Next(file, json, ref reader);
            if (name is not ("bos_token" or "eos_token" or "unk_token" or "pad_token") || type == JsonTokenType.Null)
            {
                Skip(file, json, ref reader);
                continue;
            }

            string? content = type == JsonTokenType.String ? Text(file, json, ref reader) : null;
            while (type == JsonTokenType.StartObject && Next(file, json, ref reader) == JsonTokenType.PropertyName)
            {
                bool wanted = reader.ValueTextEquals("content"u8);
                if (Next(file, json, ref reader) == JsonTokenType.String && wanted)
                    content = Text(file, json, ref reader);
                else
                    Skip(file, json, ref reader);
            }

            specials[name] = content ?? throw Malformed(file, json, reader.TokenStartIndex, $"'{name}' is neither a string nor an object with a string 'content'");
        }
    }

    private static Utf8JsonReader Begin(string file, byte[] json)
    {
        // Editors may leave a byte order mark; it is no part of JSON.
        Utf8JsonReader reader = new(json.AsSpan(json.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0));
        if (Next(file, json, ref reader) != JsonTokenType.StartObject)
            throw Malformed(file, json, reader.TokenStartIndex, "the file must be a JSON object");
        return reader;
    }

    private static JsonTokenType Next(string file, byte[] json, ref Utf8JsonReader reader)
    {
        try
        {
            reader.Read();
            return reader.TokenType;
        }
        catch (JsonException e)
        {
            throw Malformed(file, json, reader.BytesConsumed, $"the JSON is broken ({e.Message.Split(" LineNumber")[0]})");
        }
    }

    private static void Skip(string file, byte[] json, ref Utf8JsonReader reader)
    {
        for (int depth = reader.CurrentDepth; reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray || reader.CurrentDepth > depth;)
            Next(file, json, ref reader);
    }

    // A string whose escapes are a lone surrogate, or whose bytes are not UTF-8, has no text.
    private static string Text(string file, byte[] json, ref Utf8JsonReader reader)
    {
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Malformed(file, json, reader.TokenStartIndex, "the string is not valid Unicode");
        }
    }

    private static AudioTokenException Malformed(string file, byte[] json, long offset, string what)
    {
        int line = 1 + json.AsSpan(0, (int)offset).Count((byte)'\n');
        return new AudioTokenException(4303, $"{file}, line {line} (byte {offset:N0}): {what}.", $"Take {file} from the model's own tokenizer folder again.");
    }
}
