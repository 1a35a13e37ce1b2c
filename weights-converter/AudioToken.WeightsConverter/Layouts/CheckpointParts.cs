using AudioToken.Weights;

namespace AudioToken.WeightsConverter.Layouts;

/// <summary>Which components a checkpoint holds, told by its tensors and never by its name.</summary>
public static class CheckpointParts
{
    private const string LdmText = "cond_stage_model.transformer.";

    private static readonly string[] s_loraMarks = [".lora.down.", ".lora_A.", ".lora_down.", "_lora.down."];

    /// <summary>The components of an opened file.</summary>
    public static IReadOnlyList<ModelComponent> Of(TensorCollection file)
    {
        ArgumentNullException.ThrowIfNull(file);
        return [.. Enum.GetValues<ModelComponent>().Where(component => Layout(file, component) is not null)];
    }

    /// <summary>One component of an opened file, under the names and shapes that our models load.</summary>
    /// <param name="file">The file; the result owns it unless <paramref name="leaveOpen"/>.</param>
    /// <param name="component">The component.</param>
    /// <param name="leaveOpen">False: disposing of the result disposes of the file.</param>
    /// <exception cref="WeightFileException">It does not hold the component (4711); the message says what it holds. Or its tensors are not those of the layout (4710).</exception>
    public static TensorCollection Open(TensorCollection file, ModelComponent component, bool leaveOpen = false)
    {
        ArgumentNullException.ThrowIfNull(file);
        if (Layout(file, component) is { } show)
            return show(file, leaveOpen);
        IReadOnlyList<ModelComponent> held = Of(file);
        string holds = held.Count > 0 ? $"holds {string.Join(" and ", held)}" : "holds no component that is known here";
        throw new WeightFileException(ErrorCode.Component, file.Description, $"the file {holds}, wanted {component}.", "'audiotoken inspect FILE' lists its tensors.");
    }

    private static Func<TensorCollection, bool, TensorCollection>? Layout(TensorCollection file, ModelComponent component)
    {
        HashSet<string> names = [.. file.Names];
        bool Has(string name) => names.Contains(name);
        string prefix = BundleFormat.Prefix(component);
        if (file.Metadata.GetValueOrDefault(BundleFormat.FormatKey) == BundleFormat.Format)
            return names.Any(name => name.StartsWith(prefix, StringComparison.Ordinal)) ? (all, open) => RenamedTensors.Under(all, prefix, open) : null;

        switch (component)
        {
            case ModelComponent.Unet:
                return Has(LdmUnet.Prefix + "input_blocks.0.0.weight") ? (all, open) => LdmUnet.Of(all, LdmUnet.Prefix, open)
                    : Has("time_embedding.linear_1.weight") && Has("conv_in.weight") ? AsItIs : null;
            case ModelComponent.Vae:
                return Has(LdmVae.Prefix + "decoder.conv_in.weight") ? (all, open) => LdmVae.Of(all, LdmVae.Prefix, open)
                    : Has("decoder.mid.block_1.conv1.weight") ? (all, open) => LdmVae.Of(all, "", open)
                    : Has("decoder.mid_block.resnets.0.conv1.weight") ? AsItIs : null;
            case ModelComponent.Text:
                return Has(OpenClipText.Prefix + "token_embedding.weight") ? OpenClipText.Of
                    : Has(LdmText + "text_model.embeddings.token_embedding.weight") ? (all, open) => RenamedTensors.Under(all, LdmText, open)
                    : Has(LdmText + "embeddings.token_embedding.weight") ? WithTextModel
                    : Has("text_model.embeddings.token_embedding.weight") ? AsItIs : null;
            case ModelComponent.Beats:
                return Has("patch_embedding.weight") && Has("encoder.layers.0.fc1.weight") ? AsItIs : null;
            case ModelComponent.Embedder:
                return Has("fga.reduce_potentials.0.weight") ? AsItIs : null;
            default:
                return names.Any(name => s_loraMarks.Any(mark => name.Contains(mark, StringComparison.Ordinal))) ? AsItIs : null;
        }
    }

    private static RenamedTensors AsItIs(TensorCollection file, bool leaveOpen) => new(file, file.Description, name => name, leaveOpen);

    // Files of a time when transformers had no level between.
    private static RenamedTensors WithTextModel(TensorCollection file, bool leaveOpen) =>
        new(file, $"{file.Description} ({LdmText}*)", name => name.StartsWith(LdmText, StringComparison.Ordinal) ? "text_model." + name[LdmText.Length..] : null, leaveOpen);
}
