namespace AudioToken.Audio;

/// <summary>How one sample is stored, little-endian.</summary>
public enum SampleEncoding
{
    /// <summary>Unsigned 8 bit, silence at 128.</summary>
    U8,

    /// <summary>Signed 16 bit.</summary>
    S16,

    /// <summary>Signed 24 bit in three bytes.</summary>
    S24,

    /// <summary>Signed 32 bit.</summary>
    S32,

    /// <summary>IEEE float, 32 bit, full scale at 1.</summary>
    F32,

    /// <summary>IEEE float, 64 bit, full scale at 1.</summary>
    F64,

    /// <summary>8-bit mu-law (ITU-T G.711).</summary>
    MuLaw,

    /// <summary>8-bit A-law (ITU-T G.711).</summary>
    ALaw,
}
