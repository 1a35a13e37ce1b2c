using System.Diagnostics;
using System.Globalization;
using AudioToken.Models.Unet;
using AudioToken.Pipelines.Imaging;
using AudioToken.Sampling;
using AudioToken.Tensors;

namespace AudioToken.Pipelines;

/// <summary>One run of one request, on the pipeline's thread.</summary>
internal sealed class Generation
{
    private const int MemoryFamily = 6; // of error codes

    private readonly ITensorOps _backend;
    private readonly LoadedModel _model;
    private readonly GenerationPlan _plan;
    private readonly GenerationRequest _request;
    private readonly IProgress<GenerationProgress>? _progress;
    private readonly CancellationToken _cancellation;
    private readonly TraceWriter _trace;
    private readonly List<string> _warnings;
    private static readonly string s_version =
        "AudioToken.Native " + typeof(Generation).Assembly.GetName().Version!.ToString(fieldCount: 3);

    private readonly Stopwatch _clock = Stopwatch.StartNew();

    public Generation(
        ITensorOps backend, LoadedModel model, GenerationPlan plan, IProgress<GenerationProgress>? progress, CancellationToken cancellation)
    {
        (_backend, _model, _plan, _request, _progress, _cancellation) = (backend, model, plan, plan.Request, progress, cancellation);
        _warnings = [.. plan.Warnings];
        _trace = new TraceWriter(_request.Trace, _request.Count);
    }

    /// <summary>Sound to pictures.</summary>
    public GenerationResult Run()
    {
        using CancellableOps ops = new(_backend, _cancellation);
        using TensorScope scope = ops.Scope();
        StageTimes times = default;

        Report(GenerationPhase.EncodingSound);
        ReadOnlyMemory<float>[] tokens = [.. _request.Sounds.Select((sound, index) => Hear(ops, sound, index))];
        times = times with { Sound = _clock.Elapsed };

        Report(GenerationPhase.EncodingText);
        UnetTimes unetTimes = _model.Unet.PrepareTimes(ops, _plan.Timesteps);
        _trace.Timesteps(_plan.Timesteps);
        (Tensor uncond, Tensor cond) = EncodeText(ops, tokens);
        times = times with { Text = _clock.Elapsed - times.Total };

        int batchSize = _plan.PicturesAtOnce;
        List<GeneratedImage> images = new(_request.Count);
        for (int first = 0; first < _request.Count; first += batchSize)
        {
            int count = Math.Min(batchSize, _request.Count - first);
            using TensorScope batch = ops.Scope();
            Tensor latents = Denoise(ops, first, count, Context(ops, uncond, cond, count), unetTimes);
            times = times with { Denoising = times.Denoising + (_clock.Elapsed - times.Total) };
            Report(GenerationPhase.Decoding, _plan.Steps.Steps.Length, first);
            images.AddRange(Decode(ops, latents, first));
            times = times with { Decoding = times.Decoding + (_clock.Elapsed - times.Total) };
        }

        Report(GenerationPhase.Done);
        return new GenerationResult { Images = images, AudioTokens = tokens, Warnings = _warnings, Times = times };
    }

    // One sound's token, before its weight.
    private ReadOnlyMemory<float> Hear(ITensorOps ops, SoundInput sound, int index)
    {
        ReadOnlyMemory<float> token = sound.Token.IsEmpty ? SoundEncoder.Encode(ops, _model, sound.Samples.Span, _trace, index) : sound.Token;
        _trace.Shared(GenerationTrace.OfSound("audio_token", index), [1, token.Length], token.Span);
        return token;
    }

    // Hidden states of negative prompt and prompt, [1, 77, D] each; the first is absent without guidance.
    private (Tensor Uncond, Tensor Cond) EncodeText(ITensorOps ops, ReadOnlyMemory<float>[] tokens)
    {
        int length = _plan.PromptIds.Length;
        int width = _model.Info.TokenWidth;
        float[] rows = new float[tokens.Length * width];
        for (int i = 0; i < tokens.Length; i++)
        {
            for (int j = 0; j < width; j++)
                rows[i * width + j] = tokens[i].Span[j] * _request.Sounds[i].Weight;
        }

        Tensor sounds = ops.Upload(rows, [1, tokens.Length, width]);
        Tensor cond = _model.Text.Forward(ops, ops.Upload(_plan.PromptIds, [1, length]), _model.PlaceholderId, sounds);
        // A trace shows the negative prompt's state even where guidance is off.
        Tensor uncond = _plan.Guided || _request.Trace is not null ? _model.Text.Forward(ops, ops.Upload(_plan.NegativeIds, [1, length]), _model.PlaceholderId, default) : default;
        _trace.Ids("text.input_ids", _plan.PromptIds);
        _trace.Shared(ops, "text.hidden_states", cond);
        if (!uncond.IsEmpty)
        {
            _trace.Ids("text.uncond_ids", _plan.NegativeIds);
            _trace.Shared(ops, "text.uncond_hidden_states", uncond);
        }

        return (uncond, cond);
    }

    // What the UNet attends to for a batch: all unconditional rows, then all conditional ones.
    private UnetContext Context(ITensorOps ops, Tensor uncond, Tensor cond, int count)
    {
        Tensor rows = ops.RepeatBatch(cond, count); // [B, 77, D]
        if (_plan.Guided)
        {
            int values = checked((int)rows.Shape.Count);
            Shape both = rows.Shape.WithFirst(2 * count);
            rows = ops.Concat([ops.RepeatBatch(uncond, count).Reshape([values]), rows.Reshape([values])]).Reshape(both); // [2B, 77, D]
        }

        return _model.Unet.PrepareContext(ops, rows);
    }

    // The denoising loop: initial noise to latents, [B, h, w, 4].
    private Tensor Denoise(ITensorOps ops, int first, int count, UnetContext context, UnetTimes times)
    {
        Report(GenerationPhase.Denoising, 0, first); // the loop takes its memory before the first step
        (int height, int width) = _plan.LatentSize;
        IReadOnlyList<NoiseStreams> streams = NoiseStreams.ForBatch(unchecked(_request.Seed + (ulong)first), count, _request.Noise);
        LatentNoise noise = new(streams, height, width, GenerationPlan.LatentChannels);
        float[] host = new float[noise.Shape.Count];
        if (_request.Latents.IsEmpty)
            noise.DrawInit(host);
        else
            ChannelLayout.ToChannelsLast(_request.Latents.Span.Slice(host.Length / count * first, host.Length), host, GenerationPlan.LatentChannels, height * width);

        DenoisingLoop loop = new()
        {
            Plan = _plan.Steps,
            Unet = _model.Unet,
            Times = times,
            Context = context,
            GuidanceScale = _request.GuidanceScale,
            Noise = noise,
            Trace = _trace,
            Begins = i =>
            {
                if (i > 0)
                    Report(GenerationPhase.Denoising, i, first);
            },
        };
        using TensorScope scope = ops.Scope();
        return scope.Keep(loop.Run(ops, ops.Upload(host, noise.Shape)));
    }

    // One picture at a time: the decoder's feature maps are the largest of all.
    private IEnumerable<GeneratedImage> Decode(ITensorOps ops, Tensor latents, int first)
    {
        int values = _plan.Width * _plan.Height * 3;
        float[]? traced = _request.Trace is null ? null : new float[values * latents.Shape[0]];
        for (int i = 0; i < latents.Shape[0]; i++)
        {
            using TensorScope scope = ops.Scope();
            ulong seed = unchecked(_request.Seed + (ulong)(first + i));
            byte[] pixels = new byte[values];
            Decode(ops, _model.Vae.Unscale(ops, latents.Slice(i, 1)), seed, new Picture(pixels, traced.AsSpan(traced is null ? 0 : i * values, traced is null ? 0 : values)));
            yield return new GeneratedImage(first + i, seed, new ImageBuffer(_plan.Width, _plan.Height, pixels), Describe(seed));
        }

        if (traced is not null)
            _trace.Map("image", [latents.Shape[0], _plan.Height, _plan.Width, 3], Array.ConvertAll(traced, value => Math.Clamp(value / 2 + 0.5f, 0, 1)));
    }

    // Half precision may overflow where fp32 does not: then once more, in strips, so that it takes little more memory than the first time.
    private void Decode(ITensorOps ops, Tensor latents, ulong seed, Picture picture)
    {
        if (DecodeAsMemoryAllows(ops, latents, seed, picture) is not { } fault)
            return;
        using IDisposable? widened = ops.Widen();
        if (widened is null)
            throw fault;
        if (TryDecode(ops, latents, tiled: true, picture) is { } again)
            throw new NumericFaultException(again.Stage, again.Message + ", in fp32 too", again.Hint);
        _warnings.Add(string.Create(CultureInfo.InvariantCulture, $"{fault.Message} (seed {seed}): half precision overflowed, and the picture was decoded again in fp32"));
    }

    // Where memory is short for whole maps, in strips.
    private NumericFaultException? DecodeAsMemoryAllows(ITensorOps ops, Tensor latents, ulong seed, Picture picture)
    {
        if (!_request.TiledVae)
        {
            try
            {
                return TryDecode(ops, latents, tiled: false, picture);
            }
            catch (AudioTokenException shortage) when (shortage.Code / 1000 == MemoryFamily)
            {
                _warnings.Add(string.Create(CultureInfo.InvariantCulture, $"{shortage.Message} (seed {seed}): the picture was decoded in strips, as by --tiled-vae"));
            }
        }

        return TryDecode(ops, latents, tiled: true, picture);
    }

    private NumericFaultException? TryDecode(ITensorOps ops, Tensor latents, bool tiled, Picture picture)
    {
        using TensorScope scope = ops.Scope();
        Tensor decoded = tiled ? _model.Vae.ForwardTiled(ops, latents) : _model.Vae.Forward(ops, latents); // [1, H, W, 3]
        if (Finite.TryReadPixels(ops, decoded, "image", picture.Pixels) is { } fault)
            return fault;
        if (!picture.Traced.IsEmpty)
            ops.Download(decoded, picture.Traced);
        return null;
    }

    // Where a picture goes: its bytes, and its values where they are traced.
    private readonly ref struct Picture(Span<byte> pixels, Span<float> traced)
    {
        public Span<byte> Pixels { get; } = pixels;

        public Span<float> Traced { get; } = traced;
    }

    private GenerationParameters Describe(ulong seed) => new()
    {
        Prompt = _plan.Prompt,
        NegativePrompt = _request.NegativePrompt,
        Steps = _request.Steps,
        Sampler = _plan.SamplerTitle,
        CfgScale = _request.GuidanceScale,
        Seed = seed,
        Width = _plan.Width,
        Height = _plan.Height,
        ModelHash = _model.Hash(_cancellation),
        Model = _model.Info.Name,
        Version = s_version,
        Audio = List(_request.Sounds.Select(sound => sound.Name)),
        AudioHash = List(_request.Sounds.Select(sound => sound.Hash)),
        AudioWeight = _request.Sounds.All(sound => sound.Weight == 1) ? null : List(_request.Sounds.Select(sound => sound.Weight.ToString(CultureInfo.InvariantCulture))),
        Rng = _request.Noise switch { NoiseAlgorithm.TorchCpu => "CPU", NoiseAlgorithm.TorchCpuHalf => "CPU half", _ => "NV" },
    };

    // Of several sounds in the order of the prompt; null where nothing is known of any.
    private static string? List(IEnumerable<string?> ofEach) => ofEach.All(each => each is null) ? null : string.Join(", ", ofEach.Select(each => each ?? "?"));

    private void Report(GenerationPhase phase, int step = 0, int first = 0)
    {
        _cancellation.ThrowIfCancellationRequested();
        _progress?.Report(new GenerationProgress(
            phase, step, _plan.Steps.Steps.Length, first, _request.Count, unchecked(_request.Seed + (ulong)first), _clock.Elapsed));
    }
}
