using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Audio;

/// <summary>Layout of headerless PCM: what a header would have said.</summary>
/// <param name="Encoding">How one sample is stored.</param>
/// <param name="SampleRateHz">Frames per second, 1 to 768,000.</param>
/// <param name="Channels">Interleaved channels, 1 to 256.</param>
public sealed record RawAudioFormat(SampleEncoding Encoding, int SampleRateHz = 16000, int Channels = 1)
{
    /// <summary>Reads <c>s16le[,rate[,channels]]</c>, e.g. <c>f32le,48000,2</c>; the encodings are u8, s16le, s24le, s32le, f32le, f64le, mulaw, alaw.</summary>
    /// <exception cref="AudioTokenException">The text is not of that form (2103).</exception>
    public static RawAudioFormat Parse(string text)
    {
        string[] parts = text.Split(',', StringSplitOptions.TrimEntries);
        SampleEncoding? encoding = parts[0] switch
        {
            "u8" => SampleEncoding.U8,
            "s16le" => SampleEncoding.S16,
            "s24le" => SampleEncoding.S24,
            "s32le" => SampleEncoding.S32,
            "f32le" => SampleEncoding.F32,
            "f64le" => SampleEncoding.F64,
            "mulaw" => SampleEncoding.MuLaw,
            "alaw" => SampleEncoding.ALaw,
            _ => null,
        };
        (int rate, int channels) = (16000, 1);
        if (encoding is null || parts.Length > 3
            || (parts.Length > 1 && !TryRead(parts[1], WavHeader.MaxSampleRateHz, out rate))
            || (parts.Length > 2 && !TryRead(parts[2], WavHeader.MaxChannels, out channels)))
        {
            throw new AudioTokenException(AudioErrorCode.RawFormat,
                $"raw format {Quoted.Text(text)}: wanted ENCODING[,RATE[,CHANNELS]] with encoding u8, s16le, s24le, s32le, f32le, f64le, mulaw or alaw, "
                + $"rate 1 to {WavHeader.MaxSampleRateHz} Hz and 1 to {WavHeader.MaxChannels} channels.",
                "For example s16le,16000,1.");
        }

        return new RawAudioFormat(encoding.Value, rate, channels);
    }

    private static bool TryRead(string text, int max, out int value) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value >= 1 && value <= max;
}
