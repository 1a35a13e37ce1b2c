using AudioToken.Audio;
using AudioToken.World;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace AudioToken.Training.Demonstration;

/// <summary>The samples of the small world that the demonstration model is trained on, made when they are asked for.</summary>
/// <param name="ofEach">Samples of each kind.</param>
internal sealed class WorldPool(int ofEach)
{
    // Features of the sounds asked for so far, in half precision: a sound takes longer to make than to hear.
    private readonly Half[]?[] _heard = new Half[]?[ofEach * WorldKinds.All.Count];

    // Pictures asked for so far, RGB: each is asked for several times, and takes milliseconds to draw.
    private readonly byte[]?[] _drawn = new byte[]?[ofEach * WorldKinds.All.Count];

    // Of every update the same: large arrays that are made anew cost a page fault for every page, and collections.
    private float[] _features = [];
    private float[] _pixels = [];

    /// <summary>Number of samples.</summary>
    public int Count => ofEach * WorldKinds.All.Count;

    /// <summary>A sample; neighbours are of different kinds.</summary>
    public static WorldSample At(int index) => new(WorldKinds.All[index % WorldKinds.All.Count], WorldSeeds.Of(WorldSplit.Training, (ulong)(index / WorldKinds.All.Count)));

    /// <summary>Number of a sample's kind.</summary>
    public static int Kind(int index) => index % WorldKinds.All.Count;

    /// <summary>Pictures in [-1, 1], [B, side, side, 3]; they stay until others are asked for.</summary>
    public float[] Pictures(int[] samples)
    {
        int values = Recipe.Side * Recipe.Side * 3;
        if (_pixels.Length != samples.Length * values)
            _pixels = new float[samples.Length * values];
        float[] pixels = _pixels;
        Parallel.For(0, samples.Length, i =>
        {
            byte[] rgb = _drawn[samples[i]] ??= At(samples[i]).Picture(Recipe.Side).Rgb.ToArray();
            for (int j = 0; j < values; j++)
                pixels[(i * values) + j] = (rgb[j] / 127.5f) - 1;
        });
        return pixels;
    }

    /// <summary>Lets go of the pictures drawn so far.</summary>
    public void ForgetPictures() => Array.Clear(_drawn);

    /// <summary>Log-mel features of the sounds, [B, F, 128]; they stay until others are asked for.</summary>
    public float[] Sounds(int[] samples)
    {
        Parallel.For(0, samples.Length, i => _heard[samples[i]] ??= Array.ConvertAll(Fbank.Compute(At(samples[i]).Sound(Recipe.Seconds)), value => (Half)value));
        int length = _heard[samples[0]]!.Length;
        if (_features.Length != samples.Length * length)
            _features = new float[samples.Length * length];
        for (int i = 0; i < samples.Length; i++)
            TensorPrimitives.ConvertToSingle(_heard[samples[i]], _features.AsSpan(i * length, length));
        return _features;
    }
}
