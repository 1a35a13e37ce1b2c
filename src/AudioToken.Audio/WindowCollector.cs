using System.Globalization;

namespace AudioToken.Audio;

/// <summary>Gathers one window from a mono 16 kHz sound that arrives in blocks.</summary>
/// <param name="skip">Samples before the first that is wanted: the caller leaves them out.</param>
internal abstract class WindowCollector(long skip)
{
    /// <summary>Samples before the first that is wanted; they are not given to <see cref="Add"/>.</summary>
    public long Skip { get; } = skip;

    /// <summary>Takes the next samples.</summary>
    /// <returns>False once no more are wanted.</returns>
    public abstract bool Add(ReadOnlySpan<float> samples);

    /// <summary>The window, after the last sample or after <see cref="Add"/> said it was enough.</summary>
    /// <param name="name">The sound, for messages.</param>
    /// <param name="warnings">Receives what the user should know.</param>
    /// <param name="description">What was done, in a few words.</param>
    public abstract float[] Finish(string name, List<string> warnings, out string description);

    private protected static string Seconds(long samples) =>
        string.Create(CultureInfo.InvariantCulture, $"{(double)samples / AudioClip.SampleRateHz:0.###} s");
}

/// <summary>Keeps what comes, up to a limit.</summary>
internal abstract class PrefixCollector(long skip, int limit) : WindowCollector(skip)
{
    private float[] _samples = [];

    private protected int Limit { get; } = limit;

    private protected int Count { get; private set; }

    private protected ReadOnlySpan<float> Samples => _samples.AsSpan(0, Count);

    public override bool Add(ReadOnlySpan<float> samples)
    {
        int take = Math.Min(samples.Length, Limit - Count);
        if (_samples.Length < Count + take)
        {
            float[] larger = GC.AllocateUninitializedArray<float>(Math.Min(Limit, Math.Max(Count + take, Math.Max(2 * _samples.Length, 1 << 16))));
            Samples.CopyTo(larger);
            _samples = larger;
        }

        samples[..take].CopyTo(_samples.AsSpan(Count));
        Count += take;
        return Count < Limit;
    }
}

/// <summary>Steps 2 to 4 of the official loader: tile ten times, keep the first 10 s.</summary>
internal sealed class OfficialCollector(int window) : PrefixCollector(0, window)
{
    private const int Tiles = 10;

    public override float[] Finish(string name, List<string> warnings, out string description)
    {
        float[] result = GC.AllocateUninitializedArray<float>((int)Math.Min((long)Tiles * Count, Limit));
        for (int at = 0; at < result.Length; at += Count)
            Samples[..Math.Min(Count, result.Length - at)].CopyTo(result.AsSpan(at));
        description = Count == Limit ? $"first {Seconds(Limit)}" : $"{Seconds(Count)} repeated to {Seconds(result.Length)}";
        return result;
    }
}

/// <summary>Keeps everything, within reason.</summary>
internal sealed class WholeCollector(long? total) : PrefixCollector(0, Longest + 1)
{
    private const int Longest = WindowPolicy.MaxSeconds * AudioClip.SampleRateHz;
    private const int WarnAbove = 30 * AudioClip.SampleRateHz;

    // A length known beforehand is refused before any of it is decoded.
    public override bool Add(ReadOnlySpan<float> samples) => !(total > Longest) && base.Add(samples);

    public override float[] Finish(string name, List<string> warnings, out string description)
    {
        if (total > Longest || Count > Longest)
        {
            throw new AudioFormatException(AudioErrorCode.TooLong,
                $"{Quoted.Text(name)} lasts {(total is { } known ? Seconds(known) : $"more than {WindowPolicy.MaxSeconds} s")}; the window 'whole' takes at most {WindowPolicy.MaxSeconds} s.",
                "Choose the window official, center, loudest or start:S,dur:D.");
        }

        if (Count > WarnAbove)
            warnings.Add($"the whole sound is {Seconds(Count)} long: the model learnt from 10 s or less, and the encoder's time and memory grow with the square of the length");
        description = $"whole, {Seconds(Count)}";
        return Samples.ToArray();
    }
}

/// <summary>Keeps the middle. Where the length is unknown it has to wait for the end, with all of the sound in memory.</summary>
internal sealed class CenterCollector(long? total, int window)
    : PrefixCollector(total is { } known ? Math.Max(0, known - window) / 2 : 0, total is null ? Longest + 1 : window)
{
    private const int Longest = 30 * 60 * AudioClip.SampleRateHz;

    public override float[] Finish(string name, List<string> warnings, out string description)
    {
        if (Count > Longest)
        {
            throw new AudioFormatException(AudioErrorCode.TooLong,
                $"{Quoted.Text(name)} is a stream that goes on after 30 minutes; the window 'center' has to know where it ends.",
                "Save it to a file first, or choose the window official, loudest or start:S,dur:D.");
        }

        int start = total is null ? Math.Max(0, Count - window) / 2 : 0;
        int length = Math.Min(window, Count - start);
        description = $"{Seconds(length)} from {Seconds(Skip + start)} on (center)";
        return Samples.Slice(start, length).ToArray();
    }
}

/// <summary>Keeps a part given by start and length.</summary>
internal sealed class SliceCollector(double start, double duration)
    : PrefixCollector((long)Math.Round(start * AudioClip.SampleRateHz), (int)Math.Round(duration * AudioClip.SampleRateHz))
{
    public override float[] Finish(string name, List<string> warnings, out string description)
    {
        if (Count == 0)
        {
            throw new AudioFormatException(AudioErrorCode.OutsideSound,
                string.Create(CultureInfo.InvariantCulture, $"{Quoted.Text(name)} ends before {start} s, where the window begins."));
        }

        if (Count < Limit)
            warnings.Add($"the sound ends {Seconds(Count)} after the window's start: {Seconds(Limit)} were asked for");
        description = $"{Seconds(Count)} from {Seconds(Skip)} on";
        return Samples.ToArray();
    }
}

/// <summary>Keeps the window of most energy: the current one in a ring, the best in a copy.</summary>
internal sealed class LoudestCollector(int window) : WindowCollector(0)
{
    private const int Hop = AudioClip.SampleRateHz / 10;

    private readonly float[] _ring = new float[window];
    private readonly double[] _energies = new double[window / Hop]; // of the hops in the ring
    private float[] _best = [];
    private double _bestEnergy = -1;
    private long _bestStart, _count;
    private double _hopEnergy;

    public override bool Add(ReadOnlySpan<float> samples)
    {
        while (!samples.IsEmpty)
        {
            // Up to the end of the hop; the ring is whole hops long, so no run wraps.
            ReadOnlySpan<float> run = samples[..Math.Min(samples.Length, Hop - (int)(_count % Hop))];
            run.CopyTo(_ring.AsSpan((int)(_count % _ring.Length)));
            foreach (float sample in run)
                _hopEnergy += (double)sample * sample;
            _count += run.Length;
            if (_count % Hop == 0)
                EndHop();
            samples = samples[run.Length..];
        }

        return true;
    }

    public override float[] Finish(string name, List<string> warnings, out string description)
    {
        if (_count <= _ring.Length)
        {
            description = $"all {Seconds(_count)} (loudest)";
            return _ring[..(int)_count];
        }

        description = $"{Seconds(_best.Length)} from {Seconds(_bestStart)} on (loudest)";
        return _best;
    }

    private void EndHop()
    {
        _energies[(int)(_count / Hop - 1) % _energies.Length] = _hopEnergy;
        _hopEnergy = 0;
        if (_count < _ring.Length)
            return;
        double energy = 0; // summed anew each time: a running sum would drift
        int oldest = (int)(_count / Hop) % _energies.Length;
        for (int i = 0; i < _energies.Length; i++)
            energy += _energies[(oldest + i) % _energies.Length];
        if (energy <= _bestEnergy)
            return;
        (_bestEnergy, _bestStart) = (energy, _count - _ring.Length);
        if (_best.Length == 0)
            _best = new float[_ring.Length];
        int start = (int)(_count % _ring.Length);
        _ring.AsSpan(start).CopyTo(_best);
        _ring.AsSpan(0, start).CopyTo(_best.AsSpan(_ring.Length - start));
    }
}
