using System.Text.Json;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Testing;

/// <summary>Reference data recorded from the original PyTorch code; goldens/README.md says how each file was made.</summary>
public static class Goldens
{
    /// <summary>Folder of the reference data, copied beside the test assembly.</summary>
    public static string Folder => Path.Combine(AppContext.BaseDirectory, "goldens");

    /// <summary>Path of one file in the folder.</summary>
    public static string PathOf(string name) => Path.Combine(Folder, name);

    /// <summary>Copies a folder of it, with what is in it, to change the copy.</summary>
    public static void Copy(string name, string target)
    {
        foreach (string source in Directory.EnumerateFiles(PathOf(name), "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(target, Path.GetRelativePath(PathOf(name), source));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(source, copy);
        }
    }

    /// <summary>Opens one safetensors file, named without its extension.</summary>
    public static GoldenFile Open(string name) => new(SafetensorsFile.Open(PathOf(name + ".safetensors")));
}

/// <summary>One safetensors file of reference data.</summary>
public sealed class GoldenFile(SafetensorsFile file) : IDisposable
{
    /// <summary>The file itself.</summary>
    public SafetensorsFile File { get; } = file;

    /// <summary>A tensor's values, widened to float.</summary>
    public float[] this[string name] =>
        (File.Find(name) ?? throw new KeyNotFoundException($"{File.Description} has no '{name}'.")).ReadAll();

    /// <summary>A tensor's shape.</summary>
    public Shape ShapeOf(string name) => File.Find(name)!.Shape;

    /// <summary>True if the tensor is there.</summary>
    public bool Has(string name) => File.Find(name) is not null;

    /// <summary>A value of the metadata, parsed as JSON (e.g. <c>configs</c>).</summary>
    public JsonElement Json(string key)
    {
        using JsonDocument document = JsonDocument.Parse(File.Metadata[key]);
        return document.RootElement.Clone();
    }

    /// <inheritdoc/>
    public void Dispose() => File.Dispose();
}
