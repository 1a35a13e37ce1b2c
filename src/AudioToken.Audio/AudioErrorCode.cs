namespace AudioToken.Audio;

/// <summary>Numbers of this room's errors: 21xx what the caller asked for, 30xx what the input holds, 81xx what the system refused.</summary>
internal static class AudioErrorCode
{
    public const int ChannelPolicy = 2101;
    public const int WindowPolicy = 2102;
    public const int RawFormat = 2103;
    public const int ChannelOutOfRange = 2104;
    public const int NotFound = 3001;
    public const int NotAFile = 3002;
    public const int UnknownFormat = 3003;
    public const int Container = 3004;
    public const int DecoderMissing = 3005;
    public const int DecoderFailed = 3006;
    public const int Codec = 3007;
    public const int Structure = 3008;
    public const int FormatField = 3009;
    public const int NoSamples = 3010;
    public const int BadSample = 3011;
    public const int TooManyBytes = 3012;
    public const int TooShort = 3013;
    public const int TooLong = 3014;
    public const int OutsideSound = 3015;
    public const int RateRatio = 3016;
    public const int CannotRead = 8101;
}
