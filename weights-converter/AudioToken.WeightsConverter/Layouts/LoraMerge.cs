using AudioToken.Weights;

namespace AudioToken.WeightsConverter.Layouts;

/// <summary>A LoRA file may change the UNet, the text encoder, or both; each component takes its own part.</summary>
internal static class LoraMerge
{
    private static readonly string[] s_text = ["text_encoder.", "lora_te_", "lora_te1_", "te."];

    /// <summary>Merges what a LoRA has for one component.</summary>
    /// <param name="tensors">The component; the result owns it.</param>
    /// <param name="lora">The LoRA; the result owns it.</param>
    /// <param name="component">UNet or text encoder.</param>
    /// <param name="scale">1 as trained.</param>
    public static TensorCollection Into(TensorCollection tensors, TensorCollection lora, ModelComponent component, float scale)
    {
        bool text = component == ModelComponent.Text;
        RenamedTensors part = new(lora, lora.Description, name => (Prefix(name) is not null) == text ? Renamed(name, text) : null);
        if (part.Names.Any())
            return new LowRankTensors(tensors, part, scale);
        part.Dispose();
        return tensors;
    }

    private static string? Prefix(string name) => Array.Find(s_text, prefix => name.StartsWith(prefix, StringComparison.Ordinal));

    // The merge knows a UNet's spellings: dotted names, and kohya's with its own prefix.
    private static string Renamed(string name, bool text)
    {
        if (!text)
            return name;
        string prefix = Prefix(name)!;
        return prefix.EndsWith('_') ? "lora_unet_" + name[prefix.Length..] : name[prefix.Length..];
    }
}
