using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Fga;

/// <summary>Widths of an embedder; its file holds no configuration, so they are read off its tensors.</summary>
/// <param name="InputWidth">Channels of the audio features (2304: three BEATs layers).</param>
/// <param name="OutputWidth">Channels of the audio token: the text encoder's width (768 for SD 1.x, 1024 for SD 2.x).</param>
public sealed record FgaConfig(int InputWidth, int OutputWidth)
{
    /// <summary>Reads the widths off <c>fc2.weight</c>, [output, input].</summary>
    /// <exception cref="ModelConfigException">The tensor is absent or no matrix.</exception>
    public static FgaConfig Infer(TensorCollection tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        Shape? shape = tensors.Find("fc2.weight")?.Shape;
        return shape is { Rank: 2 } matrix
            ? new FgaConfig(matrix[1], matrix[0])
            : throw new ModelConfigException(tensors.Description, "fc2.weight", shape?.ToString() ?? "absent", "a matrix [output width, input width]");
    }
}
