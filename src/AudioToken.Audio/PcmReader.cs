namespace AudioToken.Audio;

/// <summary>Uncompressed samples, after a WAV header or without any.</summary>
internal sealed class PcmReader : AudioReader
{
    private readonly ByteSource _source;
    private readonly SampleEncoding _encoding;
    private readonly int _frameBytes;
    private readonly byte[] _bytes;
    private readonly bool _fromFile; // its length was known at the start, so what is odd about it has been said
    private long _remaining; // bytes of data still to come, long.MaxValue where unknown
    private long _frames; // frames given or passed

    public PcmReader(ByteSource source, WavHeader header, List<string> warnings, bool sanitize)
        : base(source.Name, "WAV, " + SampleDecoder.Name(header.Encoding), header.Channels, header.SampleRateHz, sanitize)
    {
        foreach (string warning in warnings)
            Warn(warning);
        (_source, _encoding) = (source, header.Encoding);
        _frameBytes = Channels * SampleDecoder.BytesPerSample(_encoding);
        _bytes = new byte[Math.Max(32 << 10, _frameBytes)];
        _remaining = header.DataBytes ?? long.MaxValue;
        _fromFile = Measure(header.DataBytes);
    }

    public PcmReader(ByteSource source, RawAudioFormat format, bool sanitize)
        : base(source.Name, "headerless, " + SampleDecoder.Name(format.Encoding), format.Channels, format.SampleRateHz, sanitize)
    {
        (_source, _encoding) = (source, format.Encoding);
        _frameBytes = Channels * SampleDecoder.BytesPerSample(_encoding);
        _bytes = new byte[Math.Max(32 << 10, _frameBytes)];
        _remaining = long.MaxValue;
        _fromFile = Measure(null);
    }

    public override long? FrameCount => _fromFile ? _frames + _remaining / _frameBytes : null;

    private protected override int ReadCore(Span<float> interleaved)
    {
        int done = 0;
        while (done < interleaved.Length)
        {
            int want = (int)Math.Min(Math.Min(_bytes.Length / _frameBytes * _frameBytes, (interleaved.Length - done) / Channels * _frameBytes),
                _remaining == long.MaxValue ? int.MaxValue : Math.Max(0, _remaining));
            if (want == 0)
                break;
            int got = _source.Read(_bytes.AsSpan(0, want));
            int frames = got / _frameBytes;
            SampleDecoder.Decode(_encoding, _bytes, interleaved.Slice(done, frames * Channels));
            done += frames * Channels;
            _frames += frames;
            if (_remaining != long.MaxValue)
                _remaining -= got;
            if (got < want || _remaining == 0)
            {
                End(got % _frameBytes);
                break;
            }
        }

        return done / Channels;
    }

    private protected override long SkipCore(long frames)
    {
        long bytes = Math.Min(frames, _remaining / _frameBytes) * _frameBytes;
        long passed = _source.Skip(bytes);
        if (_remaining != long.MaxValue)
            _remaining -= passed;
        _frames += passed / _frameBytes;
        if (passed < bytes)
            End((int)(passed % _frameBytes));
        return passed / _frameBytes;
    }

    private protected override void Dispose(bool disposing)
    {
        if (disposing)
            _source.Dispose();
    }

    // Holds the claimed size against the bytes that are there, where that can be known before reading.
    private bool Measure(long? claimed)
    {
        if (_source.Remaining is not { } present)
            return false;
        if (claimed > present)
            Warn($"the data chunk claims {claimed} bytes, the file has {present}: it is cut off, what is there is used");
        _remaining = Math.Min(_remaining, present);
        if (_remaining % _frameBytes is var rest and not 0)
            WarnPartialFrame((int)rest);
        return true;
    }

    // The input ended before the size it claimed, if it claimed one.
    private void End(int rest)
    {
        if (!_fromFile && _remaining is not long.MaxValue and not 0)
            Warn($"the data chunk claims {_remaining} bytes more than the input has: it is cut off, what is there is used");
        if (!_fromFile && rest != 0)
            WarnPartialFrame(rest);
        _remaining = 0;
    }

    private void WarnPartialFrame(int rest) =>
        Warn($"the last {rest} bytes are no whole frame of {_frameBytes} bytes and are not used");
}
