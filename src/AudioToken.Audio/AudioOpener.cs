using AudioToken.Tensors;

namespace AudioToken.Audio;

/// <summary>Finds out what an input is and who reads it.</summary>
internal static class AudioOpener
{
    /// <summary>Opens a file for reading once, in order.</summary>
    public static FileStream OpenFile(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (path.Length == 0)
            throw new AudioFormatException(AudioErrorCode.NotFound, "the sound's file name is empty.");
        try
        {
            return new FileStream(path, new FileStreamOptions { Access = FileAccess.Read, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 });
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            string link = new FileInfo(path).LinkTarget is { } target ? $" (a link to {Quoted.Text(target)}, which is not there)" : "";
            // Bytes of a name that are no UTF-8 do not come this far: there may well be such a file.
            string? hint = path.Contains('\uFFFD', StringComparison.Ordinal) ? "Its name is not UTF-8? Rename it, or pipe it in: audiotoken generate - < FILE" : null;
            throw new AudioFormatException(AudioErrorCode.NotFound, $"there is no file {Quoted.Text(path)}{link}.", hint, e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException && Directory.Exists(path))
        {
            throw new AudioFormatException(AudioErrorCode.NotAFile, $"{Quoted.Text(path)} is a folder; wanted one sound file.", inner: e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new AudioTokenException(AudioErrorCode.CannotRead, $"{Quoted.Text(path)} may not be read: permission denied.", inner: e);
        }
        catch (Exception e) when (e is IOException or ArgumentException or NotSupportedException)
        {
            string link = e is IOException && new FileInfo(path).LinkTarget is not null ? " (a symbolic link)" : "";
            throw new AudioFormatException(AudioErrorCode.NotAFile, $"{Quoted.Text(path)}{link} cannot be opened: {e.Message}", inner: e);
        }
    }

    public static AudioReader Open(Stream stream, string name, string? path, AudioReadOptions options)
    {
        ByteSource? source = null;
        try
        {
            source = new ByteSource(stream, name, options.MaxInputBytes);
            return Open(source, path, options);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    private static AudioReader Open(ByteSource source, string? path, AudioReadOptions options)
    {
        AudioSignature signature = AudioSignature.Of(source.Peek(AudioSignature.Length));
        if (signature.Kind == AudioSignatureKind.Wave)
            return OpenWave(source, path, options);
        if (options.Raw is { } raw)
            return new PcmReader(source, raw, options.Sanitize);

        string name = Quoted.Text(source.Name);
        switch (signature.Kind)
        {
            case AudioSignatureKind.Empty:
                throw new AudioFormatException(AudioErrorCode.NoSamples, $"{name} is empty: no samples.", "Was the recording cut off or the download empty?");
            case AudioSignatureKind.Decoder when options.UseLibsndfile && SndFileReader.IsAvailable:
                return SndFileReader.Open(source, path, signature.Name, options);
            case AudioSignatureKind.Decoder:
                throw new AudioFormatException(AudioErrorCode.DecoderMissing,
                    $"{name} holds {signature.Name}; reading it needs libsndfile, which is not {(options.UseLibsndfile ? "installed" : "allowed here")}.",
                    $"Install it (Debian, Ubuntu: apt-get install libsndfile1; macOS: brew install libsndfile) or convert the sound: {Ffmpeg(source)}");
            case AudioSignatureKind.Container:
                throw new AudioFormatException(AudioErrorCode.Container,
                    $"{name} holds {signature.Name}: a video or AAC container, which is not read here.", $"Extract the sound first: {Ffmpeg(source)}");
            case AudioSignatureKind.NotSound:
                throw new AudioFormatException(AudioErrorCode.UnknownFormat, $"{name} holds {signature.Name}, not a sound.");
            default:
                throw new AudioFormatException(AudioErrorCode.UnknownFormat,
                    $"{name} begins with {Quoted.Bytes(source.Peek(4))}, which is no sound format known here (WAV, or FLAC, Ogg, Opus, MP3, AIFF, AU, CAF by libsndfile).",
                    "Headerless PCM? Say its encoding, rate and channels, e.g. --raw s16le,16000,1 (in a program AudioReadOptions.Raw).");
        }
    }

    private static AudioReader OpenWave(ByteSource source, string? path, AudioReadOptions options)
    {
        try
        {
            List<string> warnings = [];
            if (options.Raw is not null)
                warnings.Add("the input has a WAV header: the raw format asked for is not used");
            WavHeader header = WavHeader.Read(source, warnings);
            return new PcmReader(source, header, warnings, options.Sanitize);
        }
        catch (AudioFormatException e) when (e.Code == AudioErrorCode.Codec && path is not null && options.UseLibsndfile && SndFileReader.IsAvailable)
        {
            // libsndfile knows some codecs that this reader does not (ADPCM, GSM); what it does not know either is said in our words.
            try
            {
                return SndFileReader.Open(source, path, "WAV", options);
            }
            catch (AudioFormatException)
            {
                throw e;
            }
        }
    }

    internal static string Ffmpeg(ByteSource source) => $"ffmpeg -i {(source.Name.StartsWith('-') ? "./" : "")}{source.Name} -ac 1 -ar 16000 out.wav";
}
