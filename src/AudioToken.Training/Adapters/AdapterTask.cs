using AudioToken.Sampling;
using AudioToken.Tensors;
using AudioToken.Training.Data;
using AudioToken.Training.Optimisation;
using AudioToken.Training.Runs;

namespace AudioToken.Training.Adapters;

/// <summary>Draws the micro-batches of the adapters' training. Everything drawn is a function of the seed and the sample's place in the run.</summary>
public sealed class AdapterTask : ITrainingTask
{
    private readonly AdapterModel _model;
    private readonly SampleCache _cache;
    private readonly IReadOnlyList<TrainingSample> _samples;
    private readonly BadSamples _bad;
    private readonly VideoFrames _frames;
    private readonly IReadOnlyDictionary<string, IReadOnlyList<int>> _labels;
    private readonly ulong _seed;
    private readonly int _batch, _accumulation;
    private readonly bool _dropout;
    private readonly SampleOrder _order;

    /// <summary>Prepares the batches.</summary>
    /// <param name="model">The model.</param>
    /// <param name="cache">Features and latents.</param>
    /// <param name="samples">The data.</param>
    /// <param name="bad">Learns which samples cannot be read.</param>
    /// <param name="frames">Takes frames out of videos.</param>
    /// <param name="seed">Seed of all draws.</param>
    /// <param name="batch">Samples of a micro-batch.</param>
    /// <param name="accumulation">Micro-batches of an update.</param>
    /// <param name="dropout">Whether the embedder's dropout is on, as in the original.</param>
    public AdapterTask(
        AdapterModel model, SampleCache cache, IReadOnlyList<TrainingSample> samples, BadSamples bad, VideoFrames frames, ulong seed, int batch, int accumulation, bool dropout)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batch);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(accumulation);
        (_model, _cache, _samples, _bad, _frames) = (model, cache, samples, bad, frames);
        (_seed, _batch, _accumulation, _dropout) = (seed, batch, accumulation, dropout);
        _labels = samples.Select(sample => sample.Label).OfType<string>().Distinct().ToDictionary(label => label, model.Tokens);
        _order = new SampleOrder(samples.Count, seed);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Parameter> Parameters => _model.Parameters;

    /// <inheritdoc/>
    public double Accumulate(long update, GradientSums sums)
    {
        double total = 0;
        for (int part = 0; part < _accumulation; part++)
        {
            long micro = (update * _accumulation) + part;
            total += AdapterStep.Accumulate(_model, Draw(micro), sums, 1.0 / _accumulation).Total / _accumulation;
        }

        return total;
    }

    private AdapterBatch Draw(long micro)
    {
        List<float> features = [], latents = [];
        List<IReadOnlyList<int>> labels = [];
        int[] timesteps = new int[_batch];
        Shape featureShape = default, latentShape = default;
        for (int i = 0; i < _batch; i++)
        {
            long place = (micro * _batch) + i;
            (TrainingSample sample, int start) = At(place);
            (float[] heard, featureShape) = _cache.Features(sample.Audio, start);
            (float[] mean, float[] deviation, latentShape) = _cache.Latents(sample.Image);
            features.AddRange(heard);
            float[] noise = Normal("picture", place, mean.Length);
            for (int j = 0; j < noise.Length; j++)
                noise[j] = (float)_cache.VaeConfig.ScalingFactor * (mean[j] + (deviation[j] * noise[j]));
            latents.AddRange(noise);
            if (sample.Label is { } label)
                labels.Add(_labels[label]);
            timesteps[i] = (int)(StableSeed.Of(_seed, "time", place) % (ulong)_model.Schedule.TrainTimesteps);
        }

        return new AdapterBatch
        {
            Features = [.. features],
            FeatureShape = featureShape.WithFirst(_batch),
            Latents = [.. latents],
            LatentShape = latentShape.WithFirst(_batch),
            Noise = Normal("noise", micro, latents.Count),
            Timesteps = timesteps,
            Labels = labels.Count == _batch ? labels : null,
            Dropout = _dropout ? Mask(micro, _batch * featureShape[1] * _model.Embedder.Config.OutputWidth) : null,
        };
    }

    // The sample of a place of the run and the second its sound begins at; in the stead of one that cannot be read, the next one of the epoch's order.
    private (TrainingSample Sample, int Start) At(long place)
    {
        ulong draw = StableSeed.Of(_seed, "window", place);
        for (int tried = 0; tried < _samples.Count; tried++)
        {
            TrainingSample sample = _samples[_order.At(place, tried)];
            if (_bad.Contains(sample.Id))
                continue;
            (int first, int count) = sample.Starts(_cache.Windows, _cache.Seconds);
            int start = first + (int)(draw % (ulong)count);
            try
            {
                _frames.Make(sample);
                _cache.Features(sample.Audio, start);
                _cache.Latents(sample.Image);
                return (sample, start);
            }
            catch (Exception exception) when (TrainingErrors.IsBadSample(exception))
            {
                _bad.Add(sample.Id, exception.Message);
            }
        }

        throw _bad.TooMany();
    }

    private float[] Normal(string stream, long place, int count)
    {
        float[] values = new float[count];
        new PhiloxGenerator(StableSeed.Of(_seed, stream, place)).Fill(values);
        return values;
    }

    private float[] Mask(long micro, int count)
    {
        float[] mask = Normal("dropout", micro, count);
        for (int i = 0; i < count; i++)
            mask[i] = mask[i] < 0 ? 0 : 2;
        return mask;
    }
}
