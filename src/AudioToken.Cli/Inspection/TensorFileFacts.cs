using AudioToken.Weights;
using AudioToken.WeightsConverter.PyTorch;

namespace AudioToken.Cli.Inspection;

/// <summary>What the formats have in common that hold named tensors.</summary>
/// <param name="Kind">The format, for programs.</param>
/// <param name="Title">The format, for people.</param>
/// <param name="Path">Where the file is.</param>
/// <param name="Length">Its bytes.</param>
/// <param name="Tensors">Name, type and shape of each tensor; those too that are not read here.</param>
/// <param name="Metadata">What stands beside the tensors: text in a safetensors file, JSON in a PyTorch file.</param>
/// <param name="Globals">Classes and functions that a pickle names.</param>
/// <param name="StateKey">The key of a pickled dictionary under which the tensors stand.</param>
internal sealed record TensorFileFacts(
    string Kind,
    string Title,
    string Path,
    long Length,
    IReadOnlyList<(string Name, string Type, IReadOnlyList<long> Extents)> Tensors,
    IReadOnlyDictionary<string, string> Metadata,
    IReadOnlyList<string> Globals,
    string? StateKey)
{
    public const string Safetensors = "safetensors";

    public static TensorFileFacts Of(TensorCollection file) => file switch
    {
        SafetensorsFile safetensors => new TensorFileFacts(
            Safetensors, "safetensors file", safetensors.Path, safetensors.Length,
            [.. safetensors.Tensors.Select(tensor => (tensor.Name, tensor.TypeName, tensor.Extents))], safetensors.Metadata, [], null),
        PyTorchFile torch => new TensorFileFacts(
            torch.Form == PyTorchForm.Zip ? "torch-zip" : "torch-legacy",
            torch.Form == PyTorchForm.Zip ? "PyTorch checkpoint" : "PyTorch checkpoint of the form before torch 1.6", torch.Path, torch.Length,
            [.. torch.Tensors.Select(tensor => (tensor.Name, tensor.TypeName, tensor.Extents))], torch.Metadata, torch.Globals, torch.StateKey),
        _ => throw new ArgumentException($"{file.Description} is of no format with names of its own.", nameof(file)),
    };
}
