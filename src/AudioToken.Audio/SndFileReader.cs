using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Audio;

/// <summary>Formats that libsndfile decodes.</summary>
internal sealed class SndFileReader : AudioReader
{
    private readonly SndFileHandle _file;
    private readonly FileStream? _spool; // a stream's bytes, for a library that wants to seek; deleted with its handle
    private readonly long? _frameCount;
    private readonly bool _seekable;
    private long _at; // frames read and passed so far
    private bool _cutOff; // and told so

    private SndFileReader(string name, string format, SndFileHandle file, SndFileLibrary.Info info, FileStream? spool, bool sanitize)
        : base(name, format, info.Channels, info.SampleRateHz, sanitize)
    {
        (_file, _spool) = (file, spool);
        // Some decoders report a huge count where they do not know.
        _frameCount = info.Frames is > 0 and < long.MaxValue / 2 ? info.Frames : null;
        _seekable = info.Seekable != 0;
    }

    public static bool IsAvailable => SndFileLibrary.IsAvailable;

    public override long? FrameCount => _frameCount;

    /// <summary>Opens the file at <paramref name="path"/>, or what the source still holds where there is no path that can be read twice.</summary>
    /// <exception cref="AudioFormatException">The library cannot read it.</exception>
    public static SndFileReader Open(ByteSource source, string? path, string format, AudioReadOptions options)
    {
        FileStream? spool = null;
        try
        {
            if (path is null || source.Remaining is null)
                spool = Spool(source);
            else if (source.Remaining > source.MaxBytes)
                throw source.TooManyBytes();
            string file = Path.GetFullPath(spool?.Name ?? path!);
            SndFileLibrary.Info info = default;
            SndFileHandle handle = OperatingSystem.IsWindows()
                ? SndFileLibrary.OpenOnWindows(file, SndFileLibrary.ReadMode, ref info)
                : SndFileLibrary.Open(file, SndFileLibrary.ReadMode, ref info);
            if (handle.IsInvalid)
            {
                throw new AudioFormatException(AudioErrorCode.DecoderFailed,
                    $"{Quoted.Text(source.Name)} looks like {format}, but libsndfile cannot read it: {SndFileLibrary.DescribeOpenFailure().TrimEnd('.', '\n')}.",
                    $"The file may be damaged, or libsndfile too old for it; convert it: {AudioOpener.Ffmpeg(source)}");
            }

            if (info.Channels is < 1 or > WavHeader.MaxChannels || info.SampleRateHz is < 1 or > WavHeader.MaxSampleRateHz)
            {
                handle.Dispose();
                throw new AudioFormatException(AudioErrorCode.FormatField,
                    $"{Quoted.Text(source.Name)} has {info.Channels} channels at {info.SampleRateHz} Hz; wanted 1 to {WavHeader.MaxChannels} at 1 to {WavHeader.MaxSampleRateHz} Hz.");
            }

            SndFileReader reader = new(source.Name, format, handle, info, spool, options.Sanitize);
            source.Dispose();
            return reader;
        }
        catch
        {
            spool?.Dispose();
            throw;
        }
    }

    private protected override int ReadCore(Span<float> interleaved)
    {
        long frames = Math.Max(0, SndFileLibrary.ReadFrames(_file, interleaved, interleaved.Length / Channels));
        if (frames == 0 && SndFileLibrary.Error(_file) is var error and not 0)
        {
            throw new AudioFormatException(AudioErrorCode.DecoderFailed,
                $"{Quoted.Text(Name)} ({Format}): libsndfile stopped: {SndFileLibrary.Describe(error).TrimEnd('.', '\n')}.", "The file may be damaged.");
        }

        if (frames == 0)
            WarnIfCutOff();
        _at += frames;
        return (int)frames;
    }

    private protected override long SkipCore(long frames)
    {
        const int Current = 1;
        if (_seekable && SndFileLibrary.Seek(_file, 0, Current) is >= 0 and var here)
        {
            frames = Math.Min(frames, Math.Max(0, (_frameCount ?? long.MaxValue) - here));
            if (SndFileLibrary.Seek(_file, frames, Current) >= 0)
            {
                _at += frames;
                return frames;
            }
        }

        float[] passed = new float[4096 / Channels * Channels];
        long done = 0;
        while (done < frames && ReadCore(passed.AsSpan(0, (int)Math.Min(passed.Length, (frames - done) * Channels))) is > 0 and var read)
            done += read;
        return done;
    }

    // FLAC's header counts the frames, and libsndfile ends at the last that is there without a word. A tenth of a second is allowed: some count roughly.
    private void WarnIfCutOff()
    {
        if (_frameCount is not { } told || told - _at < SampleRateHz / 10 || _cutOff)
            return;
        _cutOff = true;
        Warn(string.Create(CultureInfo.InvariantCulture,
            $"its header claims {told / (double)SampleRateHz:0.###} s, {_at / (double)SampleRateHz:0.###} s are there: it is cut off, what is there is used"));
    }

    private protected override void Dispose(bool disposing)
    {
        if (!disposing)
            return;
        _file.Dispose();
        _spool?.Dispose();
    }

    private static FileStream Spool(ByteSource source)
    {
        string path = Path.Combine(Path.GetTempPath(), $"audiotoken-{Guid.NewGuid():N}");
        try
        {
            FileStreamOptions options = new()
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.ReadWrite,
                Share = FileShare.ReadWrite | FileShare.Delete,
                Options = FileOptions.DeleteOnClose,
            };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            FileStream spool = new(path, options);
            try
            {
                byte[] block = new byte[64 << 10];
                while (source.Read(block) is > 0 and var count)
                    spool.Write(block.AsSpan(0, count));
                spool.Flush();
                return spool;
            }
            catch
            {
                spool.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new AudioTokenException(AudioErrorCode.CannotRead, $"{Quoted.Text(source.Name)} needs a temporary file to be decoded, and writing it failed: {e.Message}",
                "Free some space, or set TMPDIR to a folder that has it.", e);
        }
    }
}
