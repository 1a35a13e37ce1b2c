using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Audio;

/// <summary>Which part of a sound is heard.</summary>
/// <remarks>All work on the mono sound at 16 kHz and hold no more of it than they give, but <see cref="Center"/> on a stream of unknown length,
/// which keeps up to 30 minutes. A window shorter than <see cref="AudioClip.MinimumSamples"/> is refused.</remarks>
public abstract record WindowPolicy
{
    /// <summary>Seconds that <see cref="Official"/>, <see cref="Center"/> and <see cref="Loudest"/> hear.</summary>
    public const int Seconds = 10;

    /// <summary>The longest window. BEATs compares every moment with every other, in memory that grows with the square of the length:
    /// 1.7 GB for this one.</summary>
    public const int MaxSeconds = 120;

    private protected const int WindowSamples = Seconds * AudioClip.SampleRateHz;

    private protected WindowPolicy()
    {
    }

    /// <summary>The official loader's way: repeat the sound ten times, keep the first 10 s. The default.</summary>
    public static WindowPolicy Official { get; } = new OfficialWindow();

    /// <summary>All of it; warns beyond 30 s, refuses beyond <see cref="MaxSeconds"/>.</summary>
    public static WindowPolicy Whole { get; } = new WholeWindow();

    /// <summary>The middle 10 s, or all of a shorter sound.</summary>
    public static WindowPolicy Center { get; } = new CenterWindow();

    /// <summary>The 10 s of most energy, in steps of 0.1 s, the earliest of equals; or all of a shorter sound.</summary>
    public static WindowPolicy Loudest { get; } = new LoudestWindow();

    /// <summary>A part given by its start and length; ends with the sound if that is shorter.</summary>
    /// <param name="start">Seconds from the beginning.</param>
    /// <param name="duration">Seconds, 0.175 to <see cref="MaxSeconds"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of range or not finite.</exception>
    public static WindowPolicy Slice(double start, double duration)
    {
        if (!IsStart(start))
            throw new ArgumentOutOfRangeException(nameof(start), start, "A window starts at 0 s or later, within the first 10^9 s.");
        if (!IsDuration(duration))
            throw new ArgumentOutOfRangeException(nameof(duration), duration, $"A window lasts 0.175 to {MaxSeconds} s.");
        return new SliceWindow(start, duration);
    }

    /// <summary>Reads <c>official</c>, <c>whole</c>, <c>center</c>, <c>loudest</c> or <c>start:S[,dur:D]</c> (seconds; D is 10 if left out).</summary>
    /// <exception cref="AudioTokenException">The text is none of these, or a number is out of range (2102).</exception>
    public static WindowPolicy Parse(string text)
    {
        switch (text)
        {
            case "official": return Official;
            case "whole": return Whole;
            case "center": return Center;
            case "loudest": return Loudest;
        }

        string[] parts = text.Split(',');
        double duration = Seconds;
        if (parts.Length > 2 || !TryRead(parts[0], "start:", out double start) || (parts.Length == 2 && !TryRead(parts[1], "dur:", out duration)))
        {
            throw new AudioTokenException(AudioErrorCode.WindowPolicy,
                $"window {Quoted.Text(text)}: wanted official, whole, center, loudest or start:S,dur:D with seconds S and D.", "For example start:2.5,dur:10.");
        }

        if (!IsStart(start))
            throw new AudioTokenException(AudioErrorCode.WindowPolicy, $"window {Quoted.Text(text)}: start is {Quoted.Text(parts[0][6..])}; wanted 0 or more seconds.");
        if (!IsDuration(duration))
            throw new AudioTokenException(AudioErrorCode.WindowPolicy, $"window {Quoted.Text(text)}: dur is {Quoted.Text(parts[1][4..])}; wanted 0.175 to {MaxSeconds} seconds.");
        return new SliceWindow(start, duration);
    }

    /// <summary>Begins to gather one window.</summary>
    /// <param name="totalSamples">Length of the sound at 16 kHz, where it is known.</param>
    internal abstract WindowCollector Collect(long? totalSamples);

    private static bool IsStart(double seconds) => seconds is >= 0 and <= 1e9;

    private static bool IsDuration(double seconds) => seconds >= (double)AudioClip.MinimumSamples / AudioClip.SampleRateHz && seconds <= MaxSeconds;

    private static bool TryRead(string part, string name, out double value)
    {
        value = 0;
        return part.StartsWith(name, StringComparison.Ordinal)
            && double.TryParse(part.AsSpan(name.Length), NumberStyles.Float, CultureInfo.InvariantCulture, out value);
    }

    private sealed record OfficialWindow : WindowPolicy
    {
        internal override WindowCollector Collect(long? totalSamples) => new OfficialCollector(WindowSamples);

        public override string ToString() => "official";
    }

    private sealed record WholeWindow : WindowPolicy
    {
        internal override WindowCollector Collect(long? totalSamples) => new WholeCollector(totalSamples);

        public override string ToString() => "whole";
    }

    private sealed record CenterWindow : WindowPolicy
    {
        internal override WindowCollector Collect(long? totalSamples) => new CenterCollector(totalSamples, WindowSamples);

        public override string ToString() => "center";
    }

    private sealed record LoudestWindow : WindowPolicy
    {
        internal override WindowCollector Collect(long? totalSamples) => new LoudestCollector(WindowSamples);

        public override string ToString() => "loudest";
    }

    private sealed record SliceWindow(double Start, double Duration) : WindowPolicy
    {
        internal override WindowCollector Collect(long? totalSamples) => new SliceCollector(Start, Duration);

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"start:{Start},dur:{Duration}");
    }
}
