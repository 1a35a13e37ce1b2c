using System.Globalization;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.WeightsConverter.Layouts;

/// <summary>OpenCLIP's text encoder, as Stable Diffusion 2's single files hold it, under transformers' names.</summary>
/// <remarks>Query, key and value are packed in one matrix there, [3 D, D], and are its thirds. Stable Diffusion 2 reads the last layer but one,
/// so the last layer and what follows it are left out.</remarks>
internal static class OpenClipText
{
    public const string Prefix = "cond_stage_model.model.";

    private const string Blocks = "transformer.resblocks.";

    private static readonly string[] s_projections = ["q_proj", "k_proj", "v_proj"];

    private static readonly Dictionary<string, string> s_block = new()
    {
        ["ln_1"] = "layer_norm1", ["ln_2"] = "layer_norm2", ["attn.out_proj"] = "self_attn.out_proj", ["mlp.c_fc"] = "mlp.fc1", ["mlp.c_proj"] = "mlp.fc2",
    };

    /// <summary>Shows the text encoder.</summary>
    /// <param name="file">The checkpoint.</param>
    /// <param name="leaveOpen">False: disposing of the result disposes of the file.</param>
    public static TensorCollection Of(TensorCollection file, bool leaveOpen = false)
    {
        string[] names = [.. file.Names.Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)).Select(name => name[Prefix.Length..])];
        int last = names.Select(LayerOf).DefaultIfEmpty(-1).Max();
        ModuleNames modules = new();
        modules.Add("token_embedding", "text_model.embeddings.token_embedding");
        modules.Add("ln_final", "text_model.final_layer_norm");
        for (int layer = 0; layer < Math.Min(last, 1024); layer++)
            modules.Add($"{Blocks}{layer}", $"text_model.encoder.layers.{layer}", s_block);

        MappedCheckpoint text = new(file, $"{file.Description} (text encoder)", leaveOpen);
        foreach (string name in names)
        {
            int layer = LayerOf(name);
            if (layer == last && layer >= 0 || name is "text_projection" or "logit_scale" or "attn_mask")
                continue;
            if (name == "positional_embedding")
                text.Add("text_model.embeddings.position_embedding.weight", Prefix + name);
            else if (name.EndsWith(".attn.in_proj_weight", StringComparison.Ordinal) || name.EndsWith(".attn.in_proj_bias", StringComparison.Ordinal))
                AddThirds(text, name, layer);
            else if (modules.Map(name) is { } ours)
                text.Add(ours, Prefix + name);
            else
                text.AddUnknown(Prefix + name);
        }

        return text.Complete();
    }

    private static void AddThirds(MappedCheckpoint text, string name, int layer)
    {
        string kind = name[(name.LastIndexOf('_') + 1)..];
        for (int i = 0; i < s_projections.Length; i++)
        {
            int third = i;
            text.Add($"text_model.encoder.layers.{layer}.self_attn.{s_projections[i]}.{kind}", Prefix + name, (shown, packed) =>
            {
                if (packed.Shape.Rank is < 1 or > 2 || packed.Shape[0] % 3 != 0)
                    throw new WeightFileException(ErrorCode.Layout, text.Description, $"'{PrintableName.Of(packed.Name)}' is {packed.Shape}, wanted three matrices on top of one another, [3 D, D].");
                Shape shape = packed.Shape.WithFirst(packed.Shape[0] / 3);
                return ReshapedSource.Of(packed, shown, shape, shape.Count * third);
            });
        }
    }

    private static int LayerOf(string name) =>
        name.StartsWith(Blocks, StringComparison.Ordinal) && int.TryParse(name[Blocks.Length..].Split('.')[0], NumberStyles.None, CultureInfo.InvariantCulture, out int layer) ? layer : -1;
}
