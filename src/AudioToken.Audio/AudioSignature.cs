using System.Text;

namespace AudioToken.Audio;

/// <summary>What an input can be, by who reads it.</summary>
internal enum AudioSignatureKind
{
    Unknown,
    Empty,
    Wave,
    Decoder,
    Container,
    NotSound,
}

/// <summary>What the first bytes of an input say it is.</summary>
internal readonly record struct AudioSignature(AudioSignatureKind Kind, string Name)
{
    /// <summary>Bytes that are enough to tell.</summary>
    public const int Length = 64;

    private static readonly (int Offset, byte[] Magic, AudioSignatureKind Kind, string Name)[] s_known =
    [
        (0, "fLaC"u8.ToArray(), AudioSignatureKind.Decoder, "FLAC"),
        (28, "OpusHead"u8.ToArray(), AudioSignatureKind.Decoder, "Ogg Opus"),
        (29, "vorbis"u8.ToArray(), AudioSignatureKind.Decoder, "Ogg Vorbis"),
        (0, "OggS"u8.ToArray(), AudioSignatureKind.Decoder, "Ogg"),
        (0, "ID3"u8.ToArray(), AudioSignatureKind.Decoder, "MP3"),
        (0, "FORM"u8.ToArray(), AudioSignatureKind.Decoder, "AIFF"),
        (0, ".snd"u8.ToArray(), AudioSignatureKind.Decoder, "AU"),
        (0, "caff"u8.ToArray(), AudioSignatureKind.Decoder, "CAF"),
        (0, "riff"u8.ToArray(), AudioSignatureKind.Decoder, "Wave64"),
        (0, "RIFX"u8.ToArray(), AudioSignatureKind.Decoder, "big-endian WAV (RIFX)"),
        (4, "ftyp"u8.ToArray(), AudioSignatureKind.Container, "MP4/M4A"),
        (0, [0x1A, 0x45, 0xDF, 0xA3], AudioSignatureKind.Container, "Matroska/WebM"),
        (8, "AVI "u8.ToArray(), AudioSignatureKind.Container, "AVI"),
        (8, "WEBP"u8.ToArray(), AudioSignatureKind.NotSound, "a WebP picture"),
        (0, "FLV"u8.ToArray(), AudioSignatureKind.Container, "Flash video"),
        (0, [0x30, 0x26, 0xB2, 0x75], AudioSignatureKind.Container, "WMA/ASF"),
        (0, [0x00, 0x00, 0x01, 0xBA], AudioSignatureKind.Container, "MPEG video"),
        (0, "#!AMR"u8.ToArray(), AudioSignatureKind.Container, "AMR"),
        (0, "MThd"u8.ToArray(), AudioSignatureKind.NotSound, "MIDI notes"),
        (0, [0x89, (byte)'P', (byte)'N', (byte)'G'], AudioSignatureKind.NotSound, "a PNG picture"),
        (0, [0xFF, 0xD8, 0xFF], AudioSignatureKind.NotSound, "a JPEG picture"),
        (0, "GIF8"u8.ToArray(), AudioSignatureKind.NotSound, "a GIF picture"),
        (0, "PK\x03\x04"u8.ToArray(), AudioSignatureKind.NotSound, "a zip archive"),
        (0, [0x1F, 0x8B], AudioSignatureKind.NotSound, "gzip-compressed data"),
        (0, "%PDF"u8.ToArray(), AudioSignatureKind.NotSound, "a PDF document"),
        (0, "version https://git-lfs"u8.ToArray(), AudioSignatureKind.NotSound, "a git-LFS pointer (run: git lfs pull)"),
    ];

    public static AudioSignature Of(ReadOnlySpan<byte> head)
    {
        if (head.IsEmpty)
            return new(AudioSignatureKind.Empty, "nothing");
        if (head.Length >= 12 && (head.StartsWith("RIFF"u8) || head.StartsWith("RF64"u8) || head.StartsWith("BW64"u8)) && head[8..].StartsWith("WAVE"u8))
            return new(AudioSignatureKind.Wave, "WAV");
        foreach ((int offset, byte[] magic, AudioSignatureKind kind, string name) in s_known)
        {
            if (head.Length >= offset + magic.Length && head[offset..].StartsWith(magic))
                return new(kind, name);
        }

        if (Encoding.ASCII.GetString(head).TrimStart().StartsWith('<'))
            return new(AudioSignatureKind.NotSound, "an HTML or XML page (a download that failed?)");
        // An MPEG audio frame: 11 bits of sync, then version and layer, none of them the reserved ones. Layer 0 is AAC in ADTS.
        if (head.Length >= 3 && head[0] == 0xFF && (head[1] & 0xE0) == 0xE0 && (head[1] & 0x18) != 0x08)
        {
            if ((head[1] & 0xF6) == 0xF0)
                return new(AudioSignatureKind.Container, "AAC");
            if ((head[1] & 0x06) != 0 && (head[2] & 0xF0) != 0xF0 && (head[2] & 0x0C) != 0x0C)
                return new(AudioSignatureKind.Decoder, "MP3");
        }

        return new(AudioSignatureKind.Unknown, "");
    }
}
