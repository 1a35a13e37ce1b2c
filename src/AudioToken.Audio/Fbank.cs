using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using AudioToken.Tensors;

namespace AudioToken.Audio;

/// <summary>Log-mel filterbank features, as BEATs was trained on.</summary>
/// <remarks>Equal to <c>torchaudio.compliance.kaldi.fbank(x * 2**15, num_mel_bins=128, sample_frequency=16000, frame_length=25, frame_shift=10)</c>,
/// all else at its default (povey window, pre-emphasis 0.97, DC removed per frame, no dither, whole frames only, power, natural logarithm).
/// Inside, double precision: the sums are the exact ones to far below the reference's own float32 rounding, and equal on every run.</remarks>
public static class Fbank
{
    /// <summary>Sample rate of the input, Hz.</summary>
    public const int SampleRateHz = 16000;

    /// <summary>Features of one frame.</summary>
    public const int MelBins = 128;

    /// <summary>Samples of one frame: 25 ms.</summary>
    public const int FrameLength = 400;

    /// <summary>Samples from one frame to the next: 10 ms.</summary>
    public const int FrameShift = 160;

    /// <summary>Mean that BEATs subtracts from every log-mel value (BEATs.py, fbank_mean).</summary>
    public const float Mean = 15.41663f;

    /// <summary>Deviation of which BEATs divides by twice (BEATs.py, fbank_std).</summary>
    public const float Deviation = 6.55582f;

    /// <summary>Energies below this count as this: float32's epsilon, so that silence is ln(2^-23) = -15.942385.</summary>
    public const double EnergyFloor = 1.1920928955078125e-07;

    private const int TransformSize = 512;
    private const double Preemphasis = 0.97;
    private const double Int16Scale = 32768; // the reference works on int16-scale samples
    private const double LowHz = 20, HighHz = 8000;
    private static readonly double[] s_window = PoveyWindow();

    internal static MelFilters Filters { get; } = new(MelBins, LowHz, HighHz, TransformSize / 2, (double)SampleRateHz / TransformSize);

    /// <summary>What <see cref="Compute"/> computes, for <see cref="ITensorOps.LogMel"/>: where the backend's tensors are, if it has a way.</summary>
    public static LogMelForm Form { get; } = new HostForm
    {
        FrameShift = FrameShift,
        TransformSize = TransformSize,
        Preemphasis = Preemphasis,
        Window = Array.ConvertAll(s_window, value => Int16Scale * value),
        Filters = [.. Enumerable.Range(0, MelBins).Select(filter => Filters[filter])],
        EnergyFloor = EnergyFloor,
        Mean = Mean,
        Divisor = 2 * Deviation,
    };

    internal static ReadOnlySpan<double> Window => s_window;

    /// <summary>Frames that fit whole into a number of samples: 0 below 400, else 1 + floor((n - 400) / 160).</summary>
    public static int FrameCount(int samples) => samples < FrameLength ? 0 : 1 + (samples - FrameLength) / FrameShift;

    /// <summary>Normalised features (f - 15.41663) / (2 * 6.55582), the encoder's input.</summary>
    /// <param name="samples">Mono, 16 kHz, in [-1, 1]; at least 400.</param>
    /// <returns>[frames, 128], frames as <see cref="FrameCount"/> says, mel bins fastest. Digital silence is -2.3916928.</returns>
    /// <exception cref="AudioFormatException">Fewer than 400 samples, or one that is not finite.</exception>
    public static float[] Compute(ReadOnlySpan<float> samples)
    {
        float[] features = LogMel(samples);
        for (int i = 0; i < features.Length; i++)
            features[i] = (features[i] - Mean) / (2 * Deviation);
        return features;
    }

    /// <summary>Natural logarithms of the mel energies, not normalised.</summary>
    /// <param name="samples">Mono, 16 kHz, in [-1, 1]; at least 400.</param>
    /// <returns>[frames, 128], mel bins fastest.</returns>
    /// <exception cref="AudioFormatException">Fewer than 400 samples, or one that is not finite.</exception>
    public static float[] LogMel(ReadOnlySpan<float> samples)
    {
        Require(samples);
        int frames = FrameCount(samples.Length);
        float[] features = new float[frames * MelBins];
        RealFft fft = new(TransformSize);
        int lanes = Vector<double>.Count;
        Vector<double>[] taken = new Vector<double>[TransformSize], power = new Vector<double>[TransformSize / 2], logs = new Vector<double>[MelBins];
        for (int first = 0; first < frames; first += lanes)
        {
            int count = Math.Min(lanes, frames - first);
            Load(samples, first, count, taken);
            fft.Power(taken, power);
            for (int b = 0; b < MelBins; b++)
                logs[b] = Vector.Log(Vector.Max(Filters.Energy(b, power), new Vector<double>(EnergyFloor)));
            ReadOnlySpan<double> values = MemoryMarshal.Cast<Vector<double>, double>(logs);
            for (int f = 0; f < count; f++)
            {
                for (int b = 0; b < MelBins; b++)
                    features[(first + f) * MelBins + b] = (float)values[b * lanes + f];
            }
        }

        return features;
    }

    // A frame a lane: scale, remove the frame's mean, pre-emphasise (the first sample is its own predecessor), window; the tails stay zero, and lanes without a frame as they were.
    private static void Load(ReadOnlySpan<float> samples, int first, int count, Span<Vector<double>> frames)
    {
        int lanes = Vector<double>.Count;
        Span<double> values = MemoryMarshal.Cast<Vector<double>, double>(frames);
        for (int f = 0; f < count; f++)
        {
            ReadOnlySpan<float> frame = samples.Slice((first + f) * FrameShift, FrameLength);
            for (int n = 0; n < frame.Length; n++)
                values[n * lanes + f] = frame[n];
        }

        Vector<double> sum = default;
        for (int n = 0; n < FrameLength; n++)
            sum += frames[n];
        Vector<double> mean = sum / FrameLength, previous = frames[0] - mean;
        for (int n = 0; n < FrameLength; n++)
        {
            Vector<double> x = frames[n] - mean;
            frames[n] = (x - Preemphasis * previous) * (Int16Scale * s_window[n]);
            previous = x;
        }
    }

    // A symmetric Hann window to the power 0.85, Kaldi's "povey".
    private static double[] PoveyWindow()
    {
        double[] window = new double[FrameLength];
        for (int n = 0; n < FrameLength; n++)
            window[n] = Math.Pow(0.5 - 0.5 * Math.Cos(2 * Math.PI * n / (FrameLength - 1)), 0.85);
        return window;
    }

    private static void Require(ReadOnlySpan<float> samples)
    {
        if (samples.Length < FrameLength)
            throw new AudioFormatException(AudioErrorCode.TooShort, $"fbank: {samples.Length} samples; one frame needs {FrameLength} (25 ms at 16 kHz).");
        if (NonFinite.FirstIn(samples) is >= 0 and int at)
        {
            string value = samples[at].ToString(CultureInfo.InvariantCulture);
            throw new AudioFormatException(AudioErrorCode.BadSample, $"fbank: sample {at} is {value}; samples are finite numbers in [-1, 1].");
        }
    }

    private sealed class HostForm : LogMelForm
    {
        public override void Require(ReadOnlySpan<float> samples) => Fbank.Require(samples);

        public override float[] OnHost(ReadOnlySpan<float> samples) => Compute(samples);
    }
}
