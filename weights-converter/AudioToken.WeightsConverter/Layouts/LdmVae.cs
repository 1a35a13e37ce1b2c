using System.Globalization;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.WeightsConverter.Layouts;

/// <summary>The autoencoder of a single-file checkpoint (CompVis' latent-diffusion) under diffusers' names.</summary>
/// <remarks>Its attention is 1×1 convolutions there, [C, C, 1, 1], and linear layers here, [C, C]. Decoder levels count from the picture there,
/// from the latents here.</remarks>
internal static class LdmVae
{
    public const string Prefix = "first_stage_model.";

    private static readonly Dictionary<string, string> s_resnet = new()
    {
        ["norm1"] = "norm1", ["conv1"] = "conv1", ["norm2"] = "norm2", ["conv2"] = "conv2", ["nin_shortcut"] = "conv_shortcut",
    };

    private static readonly Dictionary<string, string> s_attention = new()
    {
        ["norm"] = "group_norm", ["q"] = "to_q", ["k"] = "to_k", ["v"] = "to_v", ["proj_out"] = "to_out.0",
    };

    /// <summary>Shows the autoencoder.</summary>
    /// <param name="file">The checkpoint.</param>
    /// <param name="prefix">What its names begin with: <see cref="Prefix"/>, or nothing in a file of its own.</param>
    /// <param name="leaveOpen">False: disposing of the result disposes of the file.</param>
    public static TensorCollection Of(TensorCollection file, string prefix = Prefix, bool leaveOpen = false)
    {
        string[] names = [.. file.Names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Select(name => name[prefix.Length..])];
        int levels = 1 + names.Where(name => name.StartsWith("encoder.down.", StringComparison.Ordinal) || name.StartsWith("decoder.up.", StringComparison.Ordinal))
            .Select(name => int.TryParse(name.Split('.')[2], NumberStyles.None, CultureInfo.InvariantCulture, out int level) ? level : 0).DefaultIfEmpty(-1).Max();
        int layers = 1 + names.Where(name => name.Contains(".block.", StringComparison.Ordinal))
            .Select(name => int.TryParse(name.Split('.')[4], NumberStyles.None, CultureInfo.InvariantCulture, out int layer) ? layer : 0).DefaultIfEmpty(0).Max();
        const int most = 64; // of either: what is beyond is no autoencoder, and is reported as unknown
        ModuleNames modules = Modules(Math.Min(levels, most), Math.Min(layers, most));
        MappedCheckpoint vae = new(file, $"{file.Description} (VAE)", leaveOpen);
        foreach (string name in names)
        {
            if (IsTraining(name))
                continue;
            if (modules.Map(name) is not { } ours)
                vae.AddUnknown(prefix + name);
            else if (name.Contains(".attn_1.", StringComparison.Ordinal))
                vae.Add(ours, prefix + name, AsLinear);
            else
                vae.Add(ours, prefix + name);
        }

        return vae.Complete();
    }

    /// <summary>True for what the training of an autoencoder leaves in its file.</summary>
    public static bool IsTraining(string name) =>
        name.StartsWith("loss.", StringComparison.Ordinal) || name.StartsWith("model_ema.", StringComparison.Ordinal);

    private static WeightSource AsLinear(string name, WeightSource source) =>
        ReshapedSource.Of(source, name, source.Shape is [int rows, int columns, 1, 1] ? new Shape(rows, columns) : source.Shape);

    private static ModuleNames Modules(int levels, int layers)
    {
        ModuleNames modules = new();
        foreach (string half in (string[])["encoder", "decoder"])
        {
            modules.Add($"{half}.conv_in", $"{half}.conv_in");
            modules.Add($"{half}.norm_out", $"{half}.conv_norm_out");
            modules.Add($"{half}.conv_out", $"{half}.conv_out");
            modules.Add($"{half}.mid.block_1", $"{half}.mid_block.resnets.0", s_resnet);
            modules.Add($"{half}.mid.attn_1", $"{half}.mid_block.attentions.0", s_attention);
            modules.Add($"{half}.mid.block_2", $"{half}.mid_block.resnets.1", s_resnet);
        }

        for (int level = 0; level < levels; level++)
        {
            for (int layer = 0; layer <= layers; layer++)
            {
                modules.Add($"encoder.down.{level}.block.{layer}", $"encoder.down_blocks.{level}.resnets.{layer}", s_resnet);
                modules.Add($"decoder.up.{level}.block.{layer}", $"decoder.up_blocks.{levels - 1 - level}.resnets.{layer}", s_resnet);
            }

            modules.Add($"encoder.down.{level}.downsample.conv", $"encoder.down_blocks.{level}.downsamplers.0.conv");
            modules.Add($"decoder.up.{level}.upsample.conv", $"decoder.up_blocks.{levels - 1 - level}.upsamplers.0.conv");
        }

        modules.Add("quant_conv", "quant_conv");
        modules.Add("post_quant_conv", "post_quant_conv");
        return modules;
    }
}
