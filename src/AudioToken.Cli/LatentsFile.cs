using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Cli;

/// <summary>Initial noise from a file: <c>latents</c> [B, 4, H / 8, W / 8] of unit variance.</summary>
internal sealed record LatentsFile(string Name, Shape Shape, ReadOnlyMemory<float> Values)
{
    private const string TensorName = "latents";
    private const string Hint = "torch.randn([B, 4, H // 8, W // 8]) in a safetensors file under the name 'latents'";

    /// <summary>Number of pictures.</summary>
    public int Count => Shape[0];

    /// <summary>Pixels.</summary>
    public int Width => 8 * Shape[3];

    /// <summary>Pixels.</summary>
    public int Height => 8 * Shape[2];

    /// <exception cref="AudioTokenException">The file holds no latents.</exception>
    public static LatentsFile Read(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        (float[] values, Shape shape) = TensorInput.Read(file, TensorName, Hint);
        return shape.Rank == 4 && shape[1] == 4 && shape.Count > 0
            ? new LatentsFile(file.Description, shape, values)
            : throw new AudioTokenException(ErrorCode.TensorInput, $"{file.Description}: '{TensorName}' is {shape}, wanted [B, 4, H / 8, W / 8]", Hint);
    }

    /// <exception cref="AudioTokenException">What was asked for is of another size (2501).</exception>
    public void Require(int count, int width, int height)
    {
        if ((count, width, height) == (Count, Width, Height))
            return;
        throw new AudioTokenException(
            ErrorCode.Usage, $"{Name}: '{TensorName}' is {Shape}, wanted [{count}, 4, {height / 8}, {width / 8}] for {count} of {width}x{height} pixels",
            $"-W {Width} -H {Height} -b {Count}, or leave them out");
    }
}
