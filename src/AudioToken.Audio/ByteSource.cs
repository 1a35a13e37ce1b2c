using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Audio;

/// <summary>Bytes in order from a file, a pipe or any stream: buffered, countable, never more than a limit.</summary>
internal sealed class ByteSource : IDisposable
{
    private readonly Stream _stream;
    private readonly long? _end; // position after the last byte, where the stream knows it
    private readonly byte[] _buffer = new byte[64 << 10];
    private int _start, _count; // what the buffer holds and has not given
    private long _taken; // bytes read from the stream; skipping by seek is free

    public ByteSource(Stream stream, string name, long? maxBytes)
    {
        (_stream, Name) = (stream, name);
        // Device files may claim to seek and have length 0: those are read as streams.
        bool knowsLength = stream.CanSeek && stream.Length > 0;
        _end = knowsLength ? stream.Length : null;
        MaxBytes = maxBytes ?? (knowsLength ? AudioReadOptions.DefaultMaxFileBytes : AudioReadOptions.DefaultMaxStreamBytes);
    }

    /// <summary>What messages call it.</summary>
    public string Name { get; }

    /// <summary>Most bytes that are read.</summary>
    public long MaxBytes { get; }

    /// <summary>Bytes from here to the end, or null where only reading tells.</summary>
    public long? Remaining => _end is { } end ? Math.Max(0, end - _stream.Position + _count) : null;

    /// <summary>The next bytes without taking them: as many as asked (at most 64 KiB), fewer at the end.</summary>
    public ReadOnlySpan<byte> Peek(int count)
    {
        if (_start > 0 && _start + count > _buffer.Length)
        {
            _buffer.AsSpan(_start, _count).CopyTo(_buffer);
            _start = 0;
        }

        while (_count < count)
        {
            int read = ReadStream(_buffer.AsSpan(_start + _count));
            if (read == 0)
                break;
            _count += read;
        }

        return _buffer.AsSpan(_start, Math.Min(count, _count));
    }

    /// <summary>Fills the span; returns how many bytes there were, fewer than asked only at the end.</summary>
    public int Read(Span<byte> destination)
    {
        int done = 0;
        while (done < destination.Length)
        {
            if (_count == 0)
            {
                _start = 0;
                _count = ReadStream(_buffer);
                if (_count == 0)
                    break;
            }

            int take = Math.Min(_count, destination.Length - done);
            _buffer.AsSpan(_start, take).CopyTo(destination[done..]);
            (_start, _count, done) = (_start + take, _count - take, done + take);
        }

        return done;
    }

    /// <summary>Passes over bytes; returns how many there were, fewer than asked only at the end.</summary>
    public long Skip(long count)
    {
        if (Remaining is { } remaining)
        {
            count = Math.Min(count, remaining);
            if (count > _count)
            {
                _stream.Position += count - _count;
                (_start, _count) = (0, 0);
                return count;
            }
        }

        long done = 0;
        while (done < count && Peek(1).Length > 0)
        {
            int take = (int)Math.Min(_count, count - done);
            (_start, _count, done) = (_start + take, _count - take, done + take);
        }

        return done;
    }

    /// <summary>Refusal of an input that is longer than the limit.</summary>
    public AudioFormatException TooManyBytes() =>
        new(AudioErrorCode.TooManyBytes,
            string.Create(CultureInfo.InvariantCulture, $"{Quoted.Text(Name)} goes on after {MaxBytes:N0} bytes, the most that is read."),
            "Cut the sound, choose a window near its start, or raise --max-input (in a program AudioReadOptions.MaxInputBytes).");

    public void Dispose() => _stream.Dispose();

    private int ReadStream(Span<byte> destination)
    {
        try
        {
            int read = _stream.Read(destination);
            _taken += read;
            if (_taken > MaxBytes)
                throw TooManyBytes();
            return read;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new AudioTokenException(AudioErrorCode.CannotRead, $"reading {Quoted.Text(Name)} failed: {e.Message}", inner: e);
        }
    }
}
