using AudioToken.Tensors;
using AudioToken.Training.Optimisation;
using AudioToken.Weights;

namespace AudioToken.Training.Demonstration;

/// <summary>Gathers trained parts and writes them as one bundle in half precision.</summary>
/// <param name="captions">Whose tokenizer goes in.</param>
/// <param name="scheduler">Configuration of the scheduler.</param>
internal sealed class DemonstrationBundle(Captions captions, string scheduler)
{
    private const string FoldedPositions = "beats.encoder.pos_conv.0.weight";
    private readonly Dictionary<string, (Shape Shape, float[] Values)> _tensors = [];

    /// <summary>Of the autoencoder.</summary>
    public double ScalingFactor { get; set; } = 1;

    /// <summary>Copies parameters of one component.</summary>
    public void Add(ModelComponent component, IEnumerable<Parameter> parameters) =>
        AddPrefixed(parameters.Select(parameter => parameter with { Name = BundleFormat.Prefix(component) + parameter.Name, FileShape = parameter.FileShape }));

    /// <summary>Copies parameters whose names say their component.</summary>
    public void AddPrefixed(IEnumerable<Parameter> parameters)
    {
        foreach (Parameter parameter in parameters)
        {
            if (parameter.Name == FoldedPositions)
                AddUnfolded(parameter);
            else
                _tensors[parameter.Name] = (parameter.FileShape, [.. parameter.Values]);
        }
    }

    /// <summary>Writes the bundle.</summary>
    /// <param name="path">The file.</param>
    /// <param name="note">What a user should know of the model.</param>
    /// <param name="embedder">An embedder to go in, where none has been added.</param>
    public void Save(string path, string note, TensorCollection? embedder = null)
    {
        SafetensorsWriter writer = new();
        foreach ((string name, (Shape shape, float[] values)) in _tensors)
            writer.Add(name, shape, values, DType.F16);
        foreach (string name in embedder?.Names ?? [])
            writer.Add(BundleFormat.Prefix(ModelComponent.Embedder) + name, embedder!.Find(name)!.Shape, embedder.Find(name)!.ReadAll(), DType.F16);
        writer.Add(BundleFormat.TokenizerPrefix + Captions.MergesName, captions.Merges);
        writer.SetMetadata(BundleFormat.FormatKey, BundleFormat.Format);
        writer.SetMetadata(BundleFormat.VersionKey, BundleFormat.Version);
        writer.SetMetadata(BundleFormat.NoteKey, note);
        writer.SetMetadata(BundleFormat.SchedulerKey, scheduler);
        foreach (ModelComponent component in (ModelComponent[])[ModelComponent.Beats, ModelComponent.Text, ModelComponent.Unet, ModelComponent.Vae])
            writer.SetMetadata(BundleFormat.ConfigKey(component), Recipe.ConfigText(component, captions.Ids, ScalingFactor));
        writer.Save(path);
    }

    // Files hold the positional convolution under weight norm: the direction is the weight itself, the scale its length at each tap.
    private void AddUnfolded(Parameter parameter)
    {
        string stem = parameter.Name[..^".weight".Length];
        int taps = parameter.Shape[2];
        double[] squares = new double[taps];
        for (int i = 0; i < parameter.Values.Length; i++)
            squares[i % taps] += (double)parameter.Values[i] * parameter.Values[i];
        _tensors[stem + ".weight_v"] = (parameter.Shape, [.. parameter.Values]);
        _tensors[stem + ".weight_g"] = ([1, 1, taps], Array.ConvertAll(squares, square => (float)Math.Sqrt(square)));
    }
}
