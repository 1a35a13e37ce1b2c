using System.Runtime.CompilerServices;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Pipelines;

/// <summary>Turns recordings into pictures with one model on one backend.</summary>
/// <remarks>
/// Safe to call from any thread: requests queue, first in, first out, and run on one thread that the pipeline owns. A cancelled or failed
/// request leaves the pipeline usable. <see cref="Dispose"/> waits for the request at hand.
/// <code>
/// using ModelFiles files = ModelFiles.Open("model.safetensors");
/// await using AudioToImagePipeline pipeline = AudioToImagePipeline.Load(files, new CpuOps());
/// GenerationResult result = await pipeline.GenerateAsync(new GenerationRequest { Samples = samples, Seed = 7 });
/// </code>
/// </remarks>
public sealed class AudioToImagePipeline : IDisposable, IAsyncDisposable
{
    private readonly ITensorOps _ops;
    private readonly EngineThread _thread;
    private readonly LoadedModel _model;

    private AudioToImagePipeline(ITensorOps ops, LoadedModel model)
    {
        _ops = ops;
        _model = model;
        _thread = new EngineThread("AudioToken " + ops.Device, () =>
        {
            model.Dispose();
            ops.Dispose();
        });
    }

    /// <summary>What was loaded.</summary>
    public ModelInfo Model => _model.Info;

    /// <summary>Loads every component strictly; the files may be closed afterwards.</summary>
    /// <param name="files">A bundle or a diffusers folder.</param>
    /// <param name="ops">The backend; the pipeline owns it from here on, also if loading fails.</param>
    /// <param name="options">LoRA scale and the like.</param>
    /// <exception cref="AudioTokenException">A component is missing, misshapen, or of a kind that is not supported.</exception>
    public static AudioToImagePipeline Load(ModelFiles files, ITensorOps ops, LoadOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(ops);
        try
        {
            ArgumentNullException.ThrowIfNull(files);
            return new AudioToImagePipeline(ops, LoadedModel.Load(files, ops, options ?? new LoadOptions()));
        }
        catch
        {
            ops.Dispose();
            throw;
        }
    }

    /// <summary>Draws the pictures of a request.</summary>
    /// <param name="request">What to draw.</param>
    /// <param name="progress">Told of each stage and step, from the pipeline's thread, in order; it should return soon.</param>
    /// <param name="cancellation">Ends the request within one operation.</param>
    /// <exception cref="AudioTokenException">The request is out of range (2xxx), the sound too short (3xxx), or a stage gave NaN or infinity (7xxx).</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The pipeline was disposed.</exception>
    public Task<GenerationResult> GenerateAsync(
        GenerationRequest request, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        // Refused here, before it waits in the queue.
        GenerationPlan plan = GenerationPlan.Make(request, _model);
        return _thread.Enqueue(() => new Generation(_ops, _model, plan, progress, cancellation).Run(), cancellation);
    }

    /// <summary>Draws the pictures of a request and waits for them; for loops that are not asynchronous.</summary>
    /// <inheritdoc cref="GenerateAsync"/>
    /// <exception cref="InvalidOperationException">Called from a progress callback, where it would wait for itself.</exception>
    public GenerationResult Generate(GenerationRequest request, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default) =>
        _thread.IsCurrent
            ? throw new InvalidOperationException("Generate was called from a progress callback and would wait for itself; use GenerateAsync there.")
            : GenerateAsync(request, progress, cancellation).GetAwaiter().GetResult();

    /// <summary>Draws pictures one by one and hands each out as soon as it is finished. A trace holds one picture only.</summary>
    /// <inheritdoc cref="GenerateAsync"/>
    public async IAsyncEnumerable<GeneratedImage> GenerateEachAsync(
        GenerationRequest request,
        IProgress<GenerationProgress>? progress = null,
        [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        GenerationPlan.Make(request, _model); // the whole request is checked before its first picture
        if (request.Trace is not null && request.Count > 1)
        {
            throw new AudioTokenException(
                2022, $"a trace of {request.Count} pictures was asked for, but pictures drawn one by one overwrite each other's",
                "draw them together: GenerateAsync");
        }

        for (int i = 0; i < request.Count; i++)
        {
            int latentsOfOne = request.Latents.Length / request.Count;
            GenerationResult result = await GenerateAsync(
                request with
                {
                    Seed = unchecked(request.Seed + (ulong)i),
                    Count = 1,
                    Latents = request.Latents.Slice(i * latentsOfOne, latentsOfOne),
                },
                progress is null ? null : new OneOfMany(progress, i, request.Count),
                cancellation).ConfigureAwait(false);
            request = request.WithTokens(result.AudioTokens); // the sounds are heard once
            yield return result.Images[0] with { Index = i };
        }
    }

    /// <summary>Encodes a sound as an audio token, one value for each channel of the text encoder.</summary>
    /// <param name="samples">Mono samples at 16 kHz in [-1, 1], at least 2800.</param>
    /// <param name="cancellation">Ends the request within one operation.</param>
    /// <inheritdoc cref="GenerateAsync"/>
    public Task<float[]> EncodeAsync(ReadOnlyMemory<float> samples, CancellationToken cancellation = default) =>
        _thread.Enqueue(
            () =>
            {
                using CancellableOps ops = new(_ops, cancellation);
                using TensorScope scope = ops.Scope();
                return SoundEncoder.Encode(ops, _model, samples.Span, default, 0);
            },
            cancellation);

    /// <summary>Waits for the request at hand and those in the queue, then frees the model and the backend. Called from a progress
    /// callback it does not wait; the same happens later.</summary>
    public void Dispose() => _thread.Dispose();

    /// <inheritdoc cref="Dispose"/>
    public async ValueTask DisposeAsync() => await Task.Run(Dispose).ConfigureAwait(false);

    // Tells of one picture as a part of the request that wants several.
    private sealed class OneOfMany(IProgress<GenerationProgress> whole, int image, int images) : IProgress<GenerationProgress>
    {
        public void Report(GenerationProgress value)
        {
            if (value.Phase != GenerationPhase.Done || image == images - 1)
                whole.Report(value with { Image = image, Images = images });
        }
    }
}
