using AudioToken.Tensors;
using AudioToken.Weights;
using AudioToken.WeightsConverter.PyTorch;

namespace AudioToken.WeightsConverter;

/// <summary>Opens a file of tensors by its content, whatever it is called.</summary>
public static class CheckpointFile
{
    /// <summary>Opens a safetensors file (a <see cref="SafetensorsFile"/>) or a file of torch.save (a <see cref="PyTorchFile"/>).</summary>
    /// <param name="path">The file.</param>
    /// <param name="description">What to call it in messages; its base name if null.</param>
    /// <exception cref="WeightFileException">It is neither; the message says what it is.</exception>
    /// <exception cref="AudioTokenException">It cannot be read (8101).</exception>
    public static TensorCollection Open(string path, string? description = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return PyTorchFile.IsPyTorch(path) ? PyTorchFile.Open(path, description) : SafetensorsFile.Open(path, description);
    }
}
