using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Audio;

/// <summary>How several channels become one: their mean (the default), or one of them.</summary>
/// <remarks>The official code takes the first channel; most others take the mean. Equal channels give exactly the same mono sound either way.</remarks>
public sealed record ChannelPolicy
{
    private readonly int? _index; // null: the mean

    private ChannelPolicy(int? index) => _index = index;

    /// <summary>The mean of all channels.</summary>
    public static ChannelPolicy Mean { get; } = new((int?)null);

    /// <summary>Channel 0, as the official code does.</summary>
    public static ChannelPolicy First { get; } = new(0);

    /// <summary>One channel, counted from 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The index is negative.</exception>
    public static ChannelPolicy Index(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        return new ChannelPolicy(index);
    }

    /// <summary>Reads <c>mean</c>, <c>first</c>, or a channel's number counted from 0.</summary>
    /// <exception cref="AudioTokenException">The text is none of these (2101).</exception>
    public static ChannelPolicy Parse(string text) => text switch
    {
        "mean" => Mean,
        "first" => First,
        _ when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int index) => new ChannelPolicy(index),
        _ => throw new AudioTokenException(AudioErrorCode.ChannelPolicy, $"channel {Quoted.Text(text)}: wanted 'mean', 'first' or a number counted from 0."),
    };

    /// <inheritdoc/>
    public override string ToString() => _index is { } index ? string.Create(CultureInfo.InvariantCulture, $"channel {index}") : "mean";

    /// <summary>What is done to a sound of so many channels, or null where there is nothing to do.</summary>
    /// <exception cref="AudioTokenException">The sound lacks the channel (2104).</exception>
    internal string? Describe(string name, int channels)
    {
        if (_index >= channels)
        {
            throw new AudioTokenException(AudioErrorCode.ChannelOutOfRange,
                $"{Quoted.Text(name)} has {channels} channel{(channels == 1 ? "" : "s")}; channel {_index} was asked for, wanted 0 to {channels - 1}.");
        }

        return channels == 1 ? null : _index is null ? $"mean of {channels} channels" : $"channel {_index} of {channels}";
    }

    /// <summary>Mixes whole frames down.</summary>
    /// <param name="interleaved">[frames, channels].</param>
    /// <param name="channels">Channels.</param>
    /// <param name="mono">[frames].</param>
    internal void Mix(ReadOnlySpan<float> interleaved, int channels, Span<float> mono)
    {
        if (_index is { } index)
        {
            for (int f = 0; f < mono.Length; f++)
                mono[f] = interleaved[f * channels + index];
            return;
        }

        for (int f = 0; f < mono.Length; f++)
        {
            // In double a sum of 256 equal floats is exact, so equal channels give their own value back.
            double sum = 0;
            foreach (float sample in interleaved.Slice(f * channels, channels))
                sum += sample;
            mono[f] = (float)(sum / channels);
        }
    }
}
