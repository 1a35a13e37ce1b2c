namespace AudioToken.Weights;

/// <summary>Opens the file of one component: safetensors here, any format where a program brings a reader of its own.</summary>
public class ComponentReader
{
    /// <summary>The reader of safetensors files.</summary>
    public static ComponentReader Safetensors { get; } = new();

    /// <summary>Endings of files with weights, the preferred one first; the endings of a folder's files are tried in this order.</summary>
    public virtual IReadOnlyList<string> Endings => [".safetensors"];

    /// <summary>Opens a component's tensors under the names of its original checkpoint.</summary>
    /// <param name="path">The file.</param>
    /// <param name="component">Which component is wanted of it.</param>
    /// <param name="description">What to call it in messages; its base name if null.</param>
    /// <exception cref="AudioToken.Tensors.AudioTokenException">The file cannot be read, or does not hold the component.</exception>
    public virtual TensorCollection Open(string path, ModelComponent component, string? description = null) => SafetensorsFile.Open(path, description);

    /// <summary>Opens a component that lies in several files, by their index: which component it is, all of them together tell.</summary>
    /// <inheritdoc cref="Open"/>
    public virtual TensorCollection OpenShards(string path, ModelComponent component, string? description = null) => ShardedTensors.Open(path, description);
}
