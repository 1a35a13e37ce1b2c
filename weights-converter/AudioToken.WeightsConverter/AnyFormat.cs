using AudioToken.Weights;
using AudioToken.WeightsConverter.Layouts;

namespace AudioToken.WeightsConverter;

/// <summary>Opens a component out of any file that is read here: safetensors or torch.save, alone or in a whole checkpoint, whatever the layout.</summary>
public sealed class AnyFormat : ComponentReader
{
    /// <summary>True: of a single-file checkpoint the UNet's running averages (EMA) are read in place of its last weights.</summary>
    public bool Averaged { get; init; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Endings => [".safetensors", ".bin", ".pt", ".ckpt"];

    /// <summary>Opens a file whole, under the names it has.</summary>
    /// <exception cref="Tensors.AudioTokenException">It cannot be read.</exception>
    public TensorCollection OpenWhole(string path, string? description = null)
    {
        TensorCollection file = CheckpointFile.Open(path, description);
        try
        {
            return Averaged ? AveragedWeights.Of(file) : file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override TensorCollection Open(string path, ModelComponent component, string? description = null) =>
        Part(component == ModelComponent.Unet ? OpenWhole(path, description) : CheckpointFile.Open(path, description), component);

    /// <inheritdoc/>
    public override TensorCollection OpenShards(string path, ModelComponent component, string? description = null) =>
        Part(ShardedTensors.Open(path, description, shard => CheckpointFile.Open(shard)), component);

    private static TensorCollection Part(TensorCollection file, ModelComponent component)
    {
        try
        {
            return CheckpointParts.Open(file, component);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }
}
