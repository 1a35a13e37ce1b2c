namespace AudioToken.WeightsConverter;

/// <summary>Says from names and shapes which model a checkpoint is of.</summary>
/// <remarks>For people: a file that is named here need not be one that loads, which only the strict loader can tell.</remarks>
public static class CheckpointArchitecture
{
    /// <summary>One line such as <c>UNet of Stable Diffusion 1.x (cross attention 768 wide)</c>, or null if the names are nobody's that are known here.</summary>
    /// <param name="shapes">Extents by tensor name.</param>
    public static string? Describe(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        return SingleFile(shapes) ?? LowRank(shapes) ?? Unet(shapes) ?? Vae(shapes) ?? ClipText(shapes) ?? Beats(shapes) ?? Embedder(shapes) ?? TextualInversion(shapes);
    }

    private static string? SingleFile(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes)
    {
        if (!shapes.ContainsKey("model.diffusion_model.input_blocks.0.0.weight"))
            return null;
        string[] parts =
        [
            "UNet",
            .. Under(shapes, "first_stage_model.") ? ["VAE"] : (string[])[],
            .. Under(shapes, "cond_stage_model.") || Under(shapes, "conditioner.") ? ["text encoder"] : (string[])[],
            .. Under(shapes, "model_ema.") ? ["EMA copies"] : (string[])[],
        ];
        return $"single-file checkpoint (LDM names) of {Family(CrossWidth(shapes))}: {string.Join(", ", parts)}";
    }

    private static string? Unet(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes) =>
        shapes.ContainsKey("time_embedding.linear_1.weight") && shapes.ContainsKey("down_blocks.0.resnets.0.conv1.weight")
            ? $"UNet of {Family(CrossWidth(shapes))}"
            : null;

    private static string? Vae(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes) =>
        shapes.TryGetValue("decoder.conv_in.weight", out IReadOnlyList<long>? input) && input.Count == 4
            ? $"VAE (AutoencoderKL, {input[1]} latent channels)"
            : null;

    private static string? ClipText(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes) =>
        shapes.TryGetValue("text_model.embeddings.token_embedding.weight", out IReadOnlyList<long>? table) && table.Count == 2
            ? $"CLIP text encoder ({Layers(shapes, "text_model.encoder.layers.")} layers, {table[1]} wide, {table[0]:N0} tokens)"
            : null;

    private static string? Beats(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes) =>
        shapes.ContainsKey("patch_embedding.weight") && shapes.TryGetValue("encoder.layers.0.fc1.weight", out IReadOnlyList<long>? feedForward) && feedForward.Count == 2
            ? $"BEATs ({Layers(shapes, "encoder.layers.")} layers, {feedForward[1]} wide)"
            : null;

    private static string? Embedder(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes) =>
        shapes.ContainsKey("fga.un_models.0.embed.weight") && shapes.TryGetValue("fc2.weight", out IReadOnlyList<long>? last) && last.Count == 2
            ? $"AudioToken embedder (token {last[0]} wide)"
            : null;

    private static string? LowRank(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes)
    {
        KeyValuePair<string, IReadOnlyList<long>> down = shapes.FirstOrDefault(tensor => tensor.Value.Count >= 2
            && (tensor.Key.EndsWith("lora.down.weight", StringComparison.Ordinal) || tensor.Key.EndsWith("_lora.down.weight", StringComparison.Ordinal)
                || tensor.Key.EndsWith(".lora_down.weight", StringComparison.Ordinal) || tensor.Key.EndsWith(".lora_A.weight", StringComparison.Ordinal)));
        return down.Key is null ? null : $"LoRA of rank {down.Value[0]}";
    }

    private static string? TextualInversion(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes)
    {
        IReadOnlyList<long>? vectors = shapes.Count == 1 || shapes.ContainsKey("emb_params") || shapes.Keys.Any(name => name.StartsWith("string_to_param.", StringComparison.Ordinal))
            ? shapes.FirstOrDefault(tensor => tensor.Value is [_, 768 or 1024]).Value
            : null;
        return vectors is null ? null : $"textual inversion of {vectors[0]} vectors, {vectors[1]} wide";
    }

    private static string Family(long? crossWidth) => crossWidth switch
    {
        768 => "Stable Diffusion 1.x (cross attention 768 wide)",
        1024 => "Stable Diffusion 2.x (cross attention 1024 wide)",
        2048 => "Stable Diffusion XL (cross attention 2048 wide), which is not drawn with here",
        { } width => $"a latent diffusion model (cross attention {width} wide)",
        null => "a latent diffusion model",
    };

    private static long? CrossWidth(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes) =>
        shapes.FirstOrDefault(tensor => tensor.Key.EndsWith(".transformer_blocks.0.attn2.to_k.weight", StringComparison.Ordinal)
            && !tensor.Key.StartsWith("model_ema.", StringComparison.Ordinal)).Value is [_, var width] ? width : null;

    private static bool Under(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes, string prefix) =>
        shapes.Keys.Any(name => name.StartsWith(prefix, StringComparison.Ordinal));

    private static int Layers(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes, string prefix) =>
        shapes.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Select(name => name[prefix.Length..].Split('.')[0]).Distinct().Count();
}
