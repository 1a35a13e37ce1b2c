using AudioToken.Models.Unet;
using AudioToken.Sampling;
using AudioToken.Tensors;
using AudioToken.Training.Losses;
using AudioToken.Training.Optimisation;
using AudioToken.Training.Tape;

namespace AudioToken.Training.Adapters;

/// <summary>One micro-batch: what is known of sounds and pictures, and what was drawn for it.</summary>
public sealed record AdapterBatch
{
    /// <summary>Audio features of BEATs, [B, L, 3 D].</summary>
    public required float[] Features { get; init; }

    /// <summary>Their shape.</summary>
    public required Shape FeatureShape { get; init; }

    /// <summary>Latents of the pictures as the diffusion scales them, channels last, [B, h, w, 4].</summary>
    public required float[] Latents { get; init; }

    /// <summary>Their shape.</summary>
    public required Shape LatentShape { get; init; }

    /// <summary>Noise of unit variance, as the latents.</summary>
    public required float[] Noise { get; init; }

    /// <summary>A time for each picture.</summary>
    public required int[] Timesteps { get; init; }

    /// <summary>Token ids of each sample's prompt, or null for the model's training prompt.</summary>
    public IReadOnlyList<IReadOnlyList<int>>? Prompts { get; init; }

    /// <summary>Token ids of each sample's label, or null where there are none.</summary>
    public IReadOnlyList<IReadOnlyList<int>>? Labels { get; init; }

    /// <summary>Factors of the embedder's dropout, [B, L, Dt], or null for none.</summary>
    public float[]? Dropout { get; init; }
}

/// <summary>The losses of a micro-batch.</summary>
/// <param name="Total">What is made small.</param>
/// <param name="Diffusion">Mean squared error of the prediction.</param>
/// <param name="Magnitude">Mean magnitude of the tokens, without its factor.</param>
public readonly record struct AdapterLoss(double Total, double Diffusion, double Magnitude);

/// <summary>Loss and gradients of a micro-batch: sound to token, token to context, noisy latents to prediction, and back.</summary>
public static class AdapterStep
{
    /// <summary>Computes the losses and adds the gradients.</summary>
    /// <param name="model">The model.</param>
    /// <param name="batch">The micro-batch.</param>
    /// <param name="sums">Receives the gradients, or null to compute the losses alone.</param>
    /// <param name="weight">Factor of the gradients: one over the number of micro-batches of an update.</param>
    /// <exception cref="ShapeException">The batch does not fit the model.</exception>
    public static AdapterLoss Accumulate(AdapterModel model, AdapterBatch batch, GradientSums? sums, double weight = 1)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(batch);
        int samples = batch.Timesteps.Length;
        IEnumerable<Weight> trained = sums is null ? [] : model.Parameters.Select(parameter => parameter.Weight);
        using GradientTape tape = new(model.Ops, trained, model.Settings.Checkpoints) { LossScale = sums?.LossScale ?? 1 };
        ITensorOps embedder = batch.Dropout is null ? tape : new DropoutOps(tape, DropoutOps.UnaryLayer, batch.Dropout);
        ITensorOps unet = model.WithLora(tape);

        Tensor token = model.Embedder.Forward(embedder, tape.Upload(batch.Features, batch.FeatureShape));  // [B, Dt]
        int[] ids = [.. (batch.Prompts ?? Enumerable.Repeat(model.PromptIds, samples)).SelectMany(prompt => prompt)];
        Tensor states = model.Text.Forward(tape, tape.Upload(ids, [samples, model.PromptIds.Count]), model.PlaceholderId, token); // [B, 77, Dt]
        (float[] noisy, float[] target) = Noised(model.Schedule, model.Prediction, batch.Latents, batch.Noise, batch.Timesteps);
        UnetContext context = model.Unet.PrepareContext(unet, states);
        UnetTime time = model.Unet.PrepareTimes(tape, Array.ConvertAll(batch.Timesteps, step => (float)step)).PerSample();
        Tensor prediction = model.Unet.Forward(unet, tape.Upload(noisy, batch.LatentShape), time, context); // [B, h, w, 4]

        float[] said = tape.Values(prediction), spoken = tape.Values(token);
        float[] byPrediction = new float[said.Length], byToken = new float[spoken.Length];
        AdapterSettings settings = model.Settings;
        double diffusion = Loss.MeanSquare(said, target, byPrediction, weight);
        double magnitude = Loss.MeanMagnitude(spoken, byToken, weight * settings.MagnitudePenalty);
        double length = Loss.MeanSquaredLength(spoken, samples, byToken, weight * settings.LengthPenalty);
        double total = diffusion + (settings.MagnitudePenalty * magnitude) + (settings.LengthPenalty * length);
        if (settings.LabelPenalty > 0 && batch.Labels is { } labels)
            total += settings.LabelPenalty * Loss.LackingCosine(spoken, model.Embedded(labels), samples, byToken, weight * settings.LabelPenalty);
        if (sums is not null && double.IsFinite(total))
        {
            tape.Backward((prediction, tape.Upload(byPrediction, batch.LatentShape)), (token, tape.Upload(byToken, token.Shape)));
            sums.Add(tape);
        }

        return new AdapterLoss(total, diffusion, magnitude);
    }

    /// <summary>Noisy latents, and what a model should say of them.</summary>
    internal static (float[] Noisy, float[] Target) Noised(NoiseSchedule schedule, PredictionType prediction, float[] latents, float[] noise, int[] timesteps)
    {
        float[] noisy = new float[latents.Length], target = noise;
        ForwardProcess.AddNoise(schedule, latents, noise, timesteps, noisy);
        if (prediction == PredictionType.Velocity)
        {
            target = new float[noisy.Length];
            ForwardProcess.Velocity(schedule, latents, noise, timesteps, target);
        }
        else if (prediction == PredictionType.Sample)
        {
            target = latents;
        }

        return (noisy, target);
    }
}
