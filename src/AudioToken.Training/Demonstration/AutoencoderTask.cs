using AudioToken.Models.Vae;
using AudioToken.Sampling;
using AudioToken.Tensors;
using AudioToken.Training.Data;
using AudioToken.Training.Losses;
using AudioToken.Training.Optimisation;
using AudioToken.Training.Runs;
using AudioToken.Training.Tape;
using AudioToken.Weights;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace AudioToken.Training.Demonstration;

/// <summary>Trains an autoencoder from nothing: pictures through a narrow place and back. Kingma and Welling 2014.</summary>
internal sealed class AutoencoderTask : ITrainingTask, IDisposable
{
    // Enough that latents do not drift apart, too little to blur.
    private const double DivergenceWeight = 1e-5;
    private const int Batch = 4;

    private readonly IGradientOps _ops;
    private readonly WorldPool _pool;
    private readonly SampleOrder _order;
    private readonly ulong _seed;
    private readonly List<Parameter> _parameters = [];

    // Of every update the same: large arrays that are made anew cost a page fault for every page, and collections.
    private readonly float[] _drawn = new float[Batch * Recipe.Side * Recipe.Side * 3];
    private readonly float[] _byDrawn = new float[Batch * Recipe.Side * Recipe.Side * 3];

    public AutoencoderTask(IGradientOps ops, Recipe recipe, WorldPool pool)
    {
        (_ops, _pool, _seed) = (ops, pool, StableSeed.Of(recipe.Seed, "autoencoder"));
        _order = new SampleOrder(pool.Count, _seed);
        ParameterOps trained = new(ops, _ => true);
        using FreshTensors fresh = new(ModelComponent.Vae, recipe.Seed);
        Encoder = VaeEncoder.Load(trained, fresh, Recipe.Vae);
        Decoder = VaeDecoder.Load(trained, fresh, Recipe.Vae);
        _parameters.AddRange(trained.Parameters);
    }

    public VaeEncoder Encoder { get; }

    public VaeDecoder Decoder { get; }

    public IReadOnlyList<Parameter> Parameters => _parameters;

    public double Accumulate(long update, GradientSums sums)
    {
        int[] samples = _order.Batch(update, Batch);
        float[] pictures = _pool.Pictures(samples);
        using GradientTape encoding = new(_ops, _parameters.Select(parameter => parameter.Weight));
        Tensor moments = Encoder.Forward(encoding, encoding.Upload(pictures, [Batch, Recipe.Side, Recipe.Side, 3])); // [B, h, w, 2 C]
        float[] said = encoding.Values(moments);
        DiagonalGaussian latents = new(said, Recipe.Vae.LatentChannels);
        float[] noise = new float[said.Length / 2];
        new PhiloxGenerator(StableSeed.Of(_seed, "noise", update)).Fill(noise);

        (double loss, float[] byLatents) = Decode(pictures, latents.Sample(noise), moments.Shape.WithLast(Recipe.Vae.LatentChannels), sums);
        float[] byMoments = new float[said.Length];
        loss += DivergenceWeight * Spread(said, latents, noise, byLatents, byMoments);
        encoding.Backward(moments, encoding.Upload(byMoments, moments.Shape));
        sums.Add(encoding);
        return loss;
    }

    public void Dispose()
    {
        Encoder.Dispose();
        Decoder.Dispose();
    }

    // Half squared, half absolute error: edges stay.
    private (double Loss, float[] ByLatents) Decode(float[] pictures, float[] sample, Shape shape, GradientSums sums)
    {
        using GradientTape decoding = new(_ops, _parameters.Select(parameter => parameter.Weight));
        Tensor latents = decoding.Upload(sample, shape);
        decoding.Watch(latents);
        Tensor drawn = Decoder.Forward(decoding, latents);
        decoding.Download(drawn, _drawn);
        double loss = Loss.MeanSquare(_drawn, pictures, _byDrawn);
        TensorPrimitives.Subtract(_drawn, pictures, _drawn);
        loss += Loss.MeanMagnitude(_drawn, _byDrawn);
        decoding.Backward(drawn, decoding.Upload(_byDrawn, drawn.Shape));
        sums.Add(decoding);
        return (loss, decoding.Values(decoding.Gradient(latents)));
    }

    // The divergence from the unit normal, (m^2 + v - 1 - ln v) / 2 on average, and the gradient by means and logarithms of variances.
    private static double Spread(float[] said, DiagonalGaussian latents, float[] noise, float[] byLatents, float[] byMoments)
    {
        int channels = Recipe.Vae.LatentChannels;
        double sum = 0, factor = DivergenceWeight / noise.Length;
        for (int i = 0; i < noise.Length; i++)
        {
            int at = (i / channels * 2 * channels) + (i % channels);
            double mean = latents.Mean[i], deviation = latents.Deviation[i], logarithm = said[at + channels];
            sum += 0.5 * ((mean * mean) + (deviation * deviation) - 1 - Math.Clamp(logarithm, -30, 20));
            byMoments[at] = (float)(byLatents[i] + (factor * mean));
            if (logarithm is > -30 and < 20)
                byMoments[at + channels] = (float)((0.5 * byLatents[i] * deviation * noise[i]) + (factor * 0.5 * ((deviation * deviation) - 1)));
        }

        return sum / noise.Length;
    }
}
