using AudioToken.Audio;
using AudioToken.Tensors;

namespace AudioToken.Pipelines;

/// <summary>Samples to audio token: log-mel features, BEATs, embedder.</summary>
internal static class SoundEncoder
{
    // One row of BEATs' patches: 16 frames.
    private const int MinimumSamples = Fbank.FrameLength + 15 * Fbank.FrameShift;

    private const int MaximumSamples = WindowPolicy.MaxSeconds * Fbank.SampleRateHz;

    /// <summary>Refuses a sound that gives no token, or wants more memory than there is.</summary>
    public static void Check(ReadOnlySpan<float> samples)
    {
        if (samples.Length < MinimumSamples)
        {
            throw new AudioTokenException(
                3042, $"the sound has {samples.Length} samples at 16 kHz, wanted at least {MinimumSamples} (175 ms)", "repeat it, or use --window official, which does");
        }

        if (samples.Length > MaximumSamples)
        {
            throw new AudioTokenException(
                3045, $"the sound has {samples.Length} samples at 16 kHz, wanted at most {MaximumSamples} ({WindowPolicy.MaxSeconds} s)",
                "choose a part: --window start:S,dur:D");
        }
    }

    /// <summary>Encodes one sound.</summary>
    /// <param name="ops">The operations of the backend that holds the model.</param>
    /// <param name="model">The model.</param>
    /// <param name="samples">Mono samples at 16 kHz in [-1, 1].</param>
    /// <param name="trace">Keeps the tensors of each stage.</param>
    /// <param name="index">Which of the request's sounds it is, from 0.</param>
    /// <returns>The audio token, one value for each channel of the text encoder.</returns>
    /// <exception cref="NumericFaultException">BEATs or the embedder gave NaN or infinity.</exception>
    public static float[] Encode(ITensorOps ops, LoadedModel model, ReadOnlySpan<float> samples, TraceWriter trace, int index)
    {
        Check(samples);
        using TensorScope scope = ops.Scope();
        Tensor fbank = ops.LogMel(samples, Fbank.Form);                                               // [1, F, 128]
        trace.Shared(GenerationTrace.OfSound("audio.samples", index), [1, samples.Length], samples);
        trace.Shared(ops, GenerationTrace.OfSound("audio.fbank", index), fbank);
        Tensor features = model.Beats.Forward(ops, fbank);                                            // [1, L, 3 D]
        trace.Shared(ops, GenerationTrace.OfSound("beats.features", index), features);
        float[] token = new float[model.Info.TokenWidth];
        Finite.Download(ops, model.Embedder.Forward(ops, features), "audio_token", token);  // [1, Dt]
        return token;
    }
}
