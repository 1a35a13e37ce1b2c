using AudioToken.Bench;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Benchmarks;

/// <summary>Writes a bundle of the size of Stable Diffusion 1.4 with formula weights: what memory and load times are measured with.</summary>
internal static class FormulaBundle
{
    /// <summary>Writes the file.</summary>
    public static void Write(string path, DType dtype)
    {
        using FormulaModel model = new(SizedModel.StableDiffusion14);
        SafetensorsWriter writer = new();
        foreach (ModelComponent component in (ModelComponent[])[ModelComponent.Beats, ModelComponent.Embedder, ModelComponent.Text, ModelComponent.Unet, ModelComponent.Vae])
        {
            TensorCollection tensors = model.Open(component);
            foreach (string name in tensors.Names)
                writer.Add(tensors.Find(name)!, dtype, BundleFormat.Prefix(component) + name);
            if (component != ModelComponent.Embedder)
                writer.SetMetadata(BundleFormat.ConfigKey(component), model.ConfigJson(component));
        }

        foreach (string name in ModelFiles.TokenizerFileNames)
        {
            if (model.FindTokenizerFile(name) is { } file)
                writer.Add(BundleFormat.TokenizerPrefix + name, file);
        }

        writer.SetMetadata(BundleFormat.FormatKey, BundleFormat.Format);
        writer.SetMetadata(BundleFormat.VersionKey, BundleFormat.Version);
        writer.SetMetadata(BundleFormat.SchedulerKey, model.SchedulerConfigJson);
        writer.SetMetadata(BundleFormat.NoteKey, "formula weights of full size, for measuring");
        writer.Save(path);
    }
}
