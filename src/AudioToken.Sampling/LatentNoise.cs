using AudioToken.Tensors;

namespace AudioToken.Sampling;

/// <summary>Noise for a batch of latents: draws each picture's [C, H, W] from its own streams, in PyTorch's order, and lays it out channels last.</summary>
public sealed class LatentNoise
{
    private readonly IReadOnlyList<NoiseStreams> _pictures;
    private readonly float[] _planes;
    private readonly int _channels;

    /// <summary>Makes the noise of one batch.</summary>
    /// <param name="pictures">Streams, one for each picture.</param>
    /// <param name="height">Of the latents, i.e. pixels / 8.</param>
    /// <param name="width">Likewise.</param>
    /// <param name="channels">Of the latents.</param>
    public LatentNoise(IReadOnlyList<NoiseStreams> pictures, int height, int width, int channels = 4)
    {
        ArgumentNullException.ThrowIfNull(pictures);
        _pictures = pictures;
        _channels = channels;
        Shape = [pictures.Count, height, width, channels];
        _planes = new float[checked(height * width * channels)];
    }

    /// <summary>[B, H, W, C].</summary>
    public Shape Shape { get; }

    /// <summary>Draws the initial noise, unit variance, [B, H, W, C].</summary>
    public void DrawInit(Span<float> destination)
    {
        for (int i = 0; i < _pictures.Count; i++)
            Draw(_pictures[i].Init, destination.Slice(i * _planes.Length, _planes.Length));
    }

    /// <summary>Draws the noise of one sampler step, unit variance, [B, H, W, C].</summary>
    public void DrawStep(Span<float> destination)
    {
        for (int i = 0; i < _pictures.Count; i++)
            Draw(_pictures[i].Sampler, destination.Slice(i * _planes.Length, _planes.Length));
    }

    private void Draw(INoiseSource source, Span<float> destination)
    {
        source.Fill(_planes);
        int positions = _planes.Length / _channels;
        for (int p = 0; p < positions; p++)
        {
            for (int c = 0; c < _channels; c++)
                destination[p * _channels + c] = _planes[c * positions + p];
        }
    }
}
