using System.Globalization;
using AudioToken.Weights;

namespace AudioToken.WeightsConverter.Layouts;

/// <summary>The UNet of a single-file checkpoint (CompVis' latent-diffusion) under diffusers' names.</summary>
/// <remarks>The depth is read off the file: a level ends with its downsampler <c>input_blocks.N.0.op</c>.</remarks>
internal static class LdmUnet
{
    public const string Prefix = "model.diffusion_model.";

    private static readonly Dictionary<string, string> s_resnet = new()
    {
        ["in_layers.0"] = "norm1",
        ["in_layers.2"] = "conv1",
        ["emb_layers.1"] = "time_emb_proj",
        ["out_layers.0"] = "norm2",
        ["out_layers.3"] = "conv2",
        ["skip_connection"] = "conv_shortcut",
    };

    /// <summary>Shows the UNet.</summary>
    /// <param name="file">The checkpoint.</param>
    /// <param name="prefix">What its names begin with: <see cref="Prefix"/>, or that of the averaged copy.</param>
    /// <param name="leaveOpen">False: disposing of the result disposes of the file.</param>
    public static TensorCollection Of(TensorCollection file, string prefix = Prefix, bool leaveOpen = false)
    {
        string[] names = [.. file.Names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Select(name => name[prefix.Length..])];
        int[] downsamplers = [.. names.Where(name => name.StartsWith("input_blocks.", StringComparison.Ordinal) && name.EndsWith(".0.op.weight", StringComparison.Ordinal)).Select(BlockNumber).Order()];
        ModuleNames modules = Modules(levels: downsamplers.Length + 1, layers: downsamplers.Length == 0 ? 2 : downsamplers[0] - 1);
        MappedCheckpoint unet = new(file, $"{file.Description} (UNet)", leaveOpen);
        foreach (string name in names)
        {
            if (modules.Map(name) is { } ours)
                unet.Add(ours, prefix + name);
            else
                unet.AddUnknown(prefix + name);
        }

        return unet.Complete();
    }

    private static int BlockNumber(string name) => int.TryParse(name.Split('.')[1], NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0;

    private static ModuleNames Modules(int levels, int layers)
    {
        ModuleNames modules = new();
        modules.Add("time_embed.0", "time_embedding.linear_1");
        modules.Add("time_embed.2", "time_embedding.linear_2");
        modules.Add("input_blocks.0.0", "conv_in");
        int block = 1;
        for (int level = 0; level < levels; level++)
        {
            for (int layer = 0; layer < layers; layer++, block++)
            {
                modules.Add($"input_blocks.{block}.0", $"down_blocks.{level}.resnets.{layer}", s_resnet);
                modules.Add($"input_blocks.{block}.1", $"down_blocks.{level}.attentions.{layer}");
            }

            if (level < levels - 1)
                modules.Add($"input_blocks.{block++}.0.op", $"down_blocks.{level}.downsamplers.0.conv");
        }

        modules.Add("middle_block.0", "mid_block.resnets.0", s_resnet);
        modules.Add("middle_block.1", "mid_block.attentions.0");
        modules.Add("middle_block.2", "mid_block.resnets.1", s_resnet);
        block = 0;
        for (int level = 0; level < levels; level++)
        {
            for (int layer = 0; layer <= layers; layer++, block++)
            {
                modules.Add($"output_blocks.{block}.0", $"up_blocks.{level}.resnets.{layer}", s_resnet);
                modules.Add($"output_blocks.{block}.1", $"up_blocks.{level}.attentions.{layer}");
                if (layer < layers || level == levels - 1)
                    continue;
                // The upsampler follows the attention, or stands in its place where a level has none.
                modules.Add($"output_blocks.{block}.1.conv", $"up_blocks.{level}.upsamplers.0.conv");
                modules.Add($"output_blocks.{block}.2.conv", $"up_blocks.{level}.upsamplers.0.conv");
            }
        }

        modules.Add("out.0", "conv_norm_out");
        modules.Add("out.2", "conv_out");
        return modules;
    }
}
