using AudioToken.Audio;
using AudioToken.World;

namespace AudioToken.Training.Demonstration;

/// <summary>The samples of the small world that the demonstration model is trained on, made when they are asked for.</summary>
/// <param name="ofEach">Samples of each kind.</param>
internal sealed class WorldPool(int ofEach)
{
    /// <summary>Number of samples.</summary>
    public int Count => ofEach * WorldKinds.All.Count;

    /// <summary>A sample; neighbours are of different kinds.</summary>
    public static WorldSample At(int index) => new(WorldKinds.All[index % WorldKinds.All.Count], WorldSeeds.Of(WorldSplit.Training, (ulong)(index / WorldKinds.All.Count)));

    /// <summary>Number of a sample's kind.</summary>
    public static int Kind(int index) => index % WorldKinds.All.Count;

    /// <summary>Pictures in [-1, 1], [B, side, side, 3].</summary>
    public static float[] Pictures(int[] samples)
    {
        int values = Recipe.Side * Recipe.Side * 3;
        float[] pixels = new float[samples.Length * values];
        Parallel.For(0, samples.Length, i =>
        {
            ReadOnlySpan<byte> rgb = At(samples[i]).Picture(Recipe.Side).Rgb;
            for (int j = 0; j < values; j++)
                pixels[(i * values) + j] = (rgb[j] / 127.5f) - 1;
        });
        return pixels;
    }

    /// <summary>Log-mel features of the sounds, [B, F, 128].</summary>
    public static float[] Sounds(int[] samples)
    {
        float[][] features = new float[samples.Length][];
        Parallel.For(0, samples.Length, i => features[i] = Fbank.Compute(At(samples[i]).Sound(Recipe.Seconds)));
        return [.. features.SelectMany(values => values)];
    }
}
