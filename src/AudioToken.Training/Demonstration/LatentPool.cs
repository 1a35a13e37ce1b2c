using AudioToken.Models.Vae;
using AudioToken.Sampling;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Training.Demonstration;

/// <summary>Latents of every picture of the pool, as the trained autoencoder gives them; kept in a file.</summary>
internal sealed class LatentPool
{
    private const int Batch = 8;
    private readonly float[] _mean, _deviation;
    private readonly int _values;

    private LatentPool(float[] mean, float[] deviation, int samples)
    {
        (_mean, _deviation, _values) = (mean, deviation, mean.Length / samples);
        double sum = 0;
        for (int i = 0; i < mean.Length; i++)
            sum += ((double)mean[i] * mean[i]) + ((double)deviation[i] * deviation[i]);
        ScalingFactor = Math.Round(1 / Math.Sqrt(sum / mean.Length), 5);
    }

    /// <summary>Makes the latents' mean square 1, as the diffusion wants it.</summary>
    public double ScalingFactor { get; }

    /// <summary>Shape of the latents of a batch.</summary>
    public static Shape Shape(int batch) => [batch, Recipe.Side / 8, Recipe.Side / 8, Recipe.Vae.LatentChannels];

    /// <summary>Reads the latents, or makes and keeps them.</summary>
    public static LatentPool Open(string path, string fingerprint, WorldPool pool, VaeEncoder encoder, ITensorOps ops, Action<string> note, CancellationToken cancellation)
    {
        if (File.Exists(path))
        {
            using SafetensorsFile file = SafetensorsFile.Open(path);
            if (file.Metadata.GetValueOrDefault("settings") == fingerprint)
                return new LatentPool(file.Find("mean")!.ReadAll(), file.Find("deviation")!.ReadAll(), pool.Count);
        }

        note($"encoding {pool.Count} pictures");
        List<float> mean = [], deviation = [];
        for (int first = 0; first < pool.Count; first += Batch)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(Batch, pool.Count - first);
            using TensorScope scope = ops.Scope();
            Tensor moments = encoder.Forward(ops, ops.Upload(pool.Pictures([.. Enumerable.Range(first, count)]), [count, Recipe.Side, Recipe.Side, 3]));
            DiagonalGaussian latents = new(ops.Values(moments), Recipe.Vae.LatentChannels);
            mean.AddRange(latents.Mean);
            deviation.AddRange(latents.Deviation);
        }

        SafetensorsWriter writer = new();
        writer.SetMetadata("settings", fingerprint);
        writer.Add("mean", Shape(pool.Count), mean.ToArray());
        writer.Add("deviation", Shape(pool.Count), deviation.ToArray());
        writer.Save(path);
        return new LatentPool([.. mean], [.. deviation], pool.Count);
    }

    /// <summary>Draws latents of samples, scaled, and noise for them.</summary>
    public (float[] Latents, float[] Noise) Draw(int[] samples, ulong seed, ulong noiseSeed)
    {
        float[] drawn = new float[samples.Length * _values], noise = new float[drawn.Length];
        Parallel.Invoke(() => Fill(samples, seed, drawn), () => new PhiloxGenerator(noiseSeed).Fill(noise));
        return (drawn, noise);
    }

    private void Fill(int[] samples, ulong seed, float[] drawn)
    {
        new PhiloxGenerator(seed).Fill(drawn);
        for (int i = 0; i < drawn.Length; i++)
        {
            int at = (samples[i / _values] * _values) + (i % _values);
            drawn[i] = (float)(ScalingFactor * (_mean[at] + (_deviation[at] * drawn[i])));
        }
    }
}
