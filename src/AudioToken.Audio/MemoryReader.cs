namespace AudioToken.Audio;

/// <summary>Reads a sound that is in memory already.</summary>
internal sealed class MemoryReader(Waveform waveform, string name)
    : AudioReader(name, "samples", waveform.Channels, waveform.SampleRateHz, sanitize: false)
{
    private long _next; // frame

    public override long? FrameCount => waveform.FrameCount;

    private protected override int ReadCore(Span<float> interleaved)
    {
        int frames = (int)Math.Min(interleaved.Length / Channels, waveform.FrameCount - _next);
        waveform.Samples.Span.Slice((int)_next * Channels, frames * Channels).CopyTo(interleaved);
        _next += frames;
        return frames;
    }

    private protected override long SkipCore(long frames)
    {
        frames = Math.Min(frames, waveform.FrameCount - _next);
        _next += frames;
        return frames;
    }

    private protected override void Dispose(bool disposing)
    {
    }
}
