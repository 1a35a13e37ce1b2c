using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using AudioToken.Audio;
using AudioToken.Tensors;

namespace AudioToken.Cli.Options;

/// <summary>Which sounds, and how they are heard.</summary>
internal sealed class SoundOptions
{
    private readonly Terminal _terminal;
    private readonly Argument<string[]> _sounds;
    private readonly Option<string[]>? _audio, _token;
    private readonly Option<float[]>? _weight;

    /// <param name="terminal">Where standard input is.</param>
    /// <param name="most">The most sounds. Where several may be, '-a' names one too, a token may stand for one, and each has a weight.</param>
    public SoundOptions(Terminal terminal, int most = 1)
    {
        _terminal = terminal;
        _sounds = new Argument<string[]>("SOUND")
        {
            Description = "sound file: WAV; FLAC, Ogg, Opus, MP3 where libsndfile is installed; '-' for standard input (WAV, or headerless with --raw)"
                + (most == 1 ? "" : "; several, in the order of their placeholders in the prompt"),
            Arity = new ArgumentArity(0, most),
            CustomParser = result => [.. result.Tokens.Select(token => token.Value)],
        };
        if (most == 1)
            return;
        _audio = new Option<string[]>("--audio", "-a") { Description = "another way to name a sound; after those named as SOUND", HelpName = "SOUND" };
        _token = new Option<string[]>("--token") { Description = "an audio token made by 'encode', in place of SOUND; several likewise", HelpName = "FILE" };
        _weight = new Option<float[]>("--audio-weight")
        {
            Description = "how strongly the sound is meant, 0 to 10 (default 1); of several sounds, one weight for all, or the option once for each",
            HelpName = "X",
            CustomParser = result => [.. result.Tokens.Select(token => Checked.Parse("--audio-weight", token.Value, 0f, 10f))],
        };
    }

    private readonly Option<string?> _channel = new("--channel") { Description = "mean of the channels (default), the first, or channel N counted from 0", HelpName = "mean|first|N" };

    private readonly Option<string?> _window = new("--window")
    {
        Description = "which part is heard: official (default: the sound repeated ten times, of that the first 10 s), whole, center, loudest, or start:S,dur:D in seconds",
        HelpName = "official|whole|center|loudest|start:S,dur:D",
    };

    private readonly Option<string?> _resample = Checked.Word("--resample", [], "filter where the rate is not 16 kHz: torchaudio's (default), or best, without audible aliasing", "torchaudio", "best");
    private readonly Option<string?> _raw = new("--raw") { Description = "the input has no header; its encoding: u8, s16le, s24le, s32le, f32le, f64le, mulaw or alaw", HelpName = "ENCODING[,HZ[,CHANNELS]]" };
    private readonly Option<int?> _rate = Checked.Number("--rate", [], "with --raw: samples a second (default 16000)", 1, 768_000, "HZ");
    private readonly Option<int?> _channels = Checked.Number("--channels", [], "with --raw: interleaved channels (default 1)", 1, 256);
    private readonly Option<long?> _maxInput = Checked.Number("--max-input", [], "most bytes to read before the sound is refused as endless (default 4 GiB of a file, 1 GiB of a stream)", 1L, long.MaxValue, "BYTES");
    private readonly Option<bool> _sanitize = new("--sanitize") { Description = "repair samples that are NaN, infinite or beyond 10,000 times full scale" };

    public void AddTo(Command command)
    {
        command.Arguments.Add(_sounds);
        foreach (Option? option in (Option?[])[_audio, _token, _weight, _channel, _window, _resample, _raw, _rate, _channels, _maxInput, _sanitize])
        {
            if (option is not null)
                command.Options.Add(option);
        }
    }

    /// <summary>Reads the sounds and tells what was done to them.</summary>
    /// <exception cref="AudioTokenException">No sound is named (2501), an option is malformed (2xxx), or a sound cannot be read (3xxx, 8xxx).</exception>
    public async Task<IReadOnlyList<Sound>> ReadAsync(ParseResult parsed, Messages messages, CancellationToken cancellation)
    {
        string[] names = [.. (parsed.GetValue(_sounds) ?? []).Select(sound => Operand.Check(parsed, sound, "file name")), .. Values(parsed, _audio)];
        string[] tokens = Values(parsed, _token);
        if (names.Length > 0 && tokens.Length > 0)
            throw new AudioTokenException(ErrorCode.Usage, $"both a sound ('{names[0]}') and --token are given", "one of the two");
        if (names.Length + tokens.Length == 0)
            throw new AudioTokenException(ErrorCode.Usage, "no sound is named", $"audiotoken {parsed.CommandResult.Command.Name} rain.wav, or '-' for standard input");
        if (names.Count(name => name == "-") > 1)
            throw new AudioTokenException(ErrorCode.Usage, "'-' is named more than once, but standard input holds one sound", "name the others as files");
        float[] weights = Weights(parsed, names.Length + tokens.Length);
        List<Sound> sounds = [];
        foreach (string name in names)
            sounds.Add(await ReadAsync(parsed, name, messages, cancellation).ConfigureAwait(false));
        foreach (string path in tokens)
        {
            Sound sound = TokenFile.Read(path);
            messages.Note($"sound: {sound.Name}: {sound.Description}");
            sounds.Add(sound with { Stem = "token" });
        }

        return [.. sounds.Zip(weights, (sound, weight) => sound with { Weight = weight })];
    }

    private float[] Weights(ParseResult parsed, int sounds)
    {
        float[] weights = Values(parsed, _weight);
        return weights.Length == sounds ? weights
            : weights.Length <= 1 ? [.. Enumerable.Repeat(weights is [float all] ? all : 1, sounds)]
            : throw new AudioTokenException(ErrorCode.Usage, $"--audio-weight is given {weights.Length} times, but there {(sounds == 1 ? "is one sound" : $"are {sounds} sounds")}", "one weight for all, or one for each");
    }

    private static T[] Values<T>(ParseResult parsed, Option<T[]>? option) => option is null ? [] : parsed.GetValue(option) ?? [];

    private async Task<Sound> ReadAsync(ParseResult parsed, string name, Messages messages, CancellationToken cancellation)
    {
        AudioReadOptions options = new() { MaxInputBytes = parsed.GetValue(_maxInput), Sanitize = parsed.GetValue(_sanitize), Raw = Raw(parsed) };
        ChannelPolicy channel = ChannelPolicy.Parse(parsed.GetValue(_channel) ?? "mean");
        WindowPolicy window = WindowPolicy.Parse(parsed.GetValue(_window) ?? "official");
        ResampleFilter filter = parsed.GetValue(_resample) == "best" ? ResampleFilter.Best : ResampleFilter.Torchaudio;
        bool standardInput = name == "-";
        // A read that waits for a pipe cannot be interrupted; the wait for it can.
        Sound sound = await Task.Run(() => Read(standardInput, name, options, channel, window, filter, cancellation), CancellationToken.None).WaitAsync(cancellation).ConfigureAwait(false);
        messages.Note(string.Create(CultureInfo.InvariantCulture, $"sound: {sound.Name}: {sound.Description}"));
        foreach (string warning in sound.Warnings)
            messages.Warn(warning);
        return sound;
    }

    private Sound Read(
        bool standardInput, string name, AudioReadOptions options, ChannelPolicy channel, WindowPolicy window, ResampleFilter filter, CancellationToken cancellation)
    {
        using AudioReader reader = standardInput ? AudioReader.Open(_terminal.OpenInput(), "stdin", options) : AudioReader.Open(name, options);
        AudioClip clip = AudioClip.From(reader, channel, window, filter, cancellation);
        string? hash = standardInput ? null : Hash(name, cancellation);
        return new Sound(standardInput ? "stdin" : Path.GetFileName(name), hash, clip.Samples, clip.Description, clip.Warnings);
    }

    // Only of regular files: a pipe has been read, and a device has no end.
    private static string? Hash(string path, CancellationToken cancellation)
    {
        if (RegularFile.Length(path) is not { } length)
            return null;
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[1 << 16];
        // Not beyond what was there when it was read: a file that is being recorded grows.
        for (long left = length; left > 0;)
        {
            cancellation.ThrowIfCancellationRequested();
            int read = stream.Read(buffer, 0, (int)Math.Min(left, buffer.Length));
            if (read == 0)
                break;
            hash.AppendData(buffer, 0, read);
            left -= read;
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private RawAudioFormat? Raw(ParseResult parsed)
    {
        (string? raw, int? rate, int? channels) = (parsed.GetValue(_raw), parsed.GetValue(_rate), parsed.GetValue(_channels));
        if (raw is null)
        {
            return rate is null && channels is null
                ? null
                : throw new AudioTokenException(ErrorCode.Usage, "--rate and --channels describe headerless samples, but --raw is not given", "--raw s16le");
        }

        bool whole = raw.Contains(',', StringComparison.Ordinal);
        if (whole && (rate is not null || channels is not null))
            throw new AudioTokenException(ErrorCode.Usage, $"--raw '{raw}' says the rate already, but --rate or --channels is given too", "one of the two");
        return RawAudioFormat.Parse(whole ? raw : string.Create(CultureInfo.InvariantCulture, $"{raw},{rate ?? 16000},{channels ?? 1}"));
    }
}
