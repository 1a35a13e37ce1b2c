using System.Globalization;
using System.Text.RegularExpressions;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Testing;

/// <summary>A Stable Diffusion of four levels with two layers each as a single-file checkpoint: diffusers' tensors under CompVis' names, from the
/// published tables of both and independent of the converter's own.</summary>
public static partial class LdmCheckpoint
{
    private static readonly (string Ours, string Theirs)[] s_unetResnet =
        [("norm1.", "in_layers.0."), ("conv1.", "in_layers.2."), ("time_emb_proj.", "emb_layers.1."), ("norm2.", "out_layers.0."), ("conv2.", "out_layers.3."), ("conv_shortcut.", "skip_connection.")];

    private static readonly (string Ours, string Theirs)[] s_vaeAttention =
    [
        ("group_norm.", "norm."), ("query.", "q."), ("key.", "k."), ("value.", "v."), ("proj_attn.", "proj_out."),
        ("to_q.", "q."), ("to_k.", "k."), ("to_v.", "v."), ("to_out.0.", "proj_out."),
    ];

    private static readonly (string Ours, string Theirs)[] s_openClip =
        [("layer_norm1.", "ln_1."), ("layer_norm2.", "ln_2."), ("self_attn.out_proj.", "attn.out_proj."), ("mlp.fc1.", "mlp.c_fc."), ("mlp.fc2.", "mlp.c_proj.")];

    /// <summary>The tensors under their names in a single file.</summary>
    /// <param name="unet">diffusers' UNet.</param>
    /// <param name="vae">diffusers' VAE, old or new names.</param>
    /// <param name="text">transformers' text model.</param>
    /// <param name="openClip">Stable Diffusion 2: the text encoder as OpenCLIP lays it out, with the layer that is not used.</param>
    public static IEnumerable<WeightSource> Of(TensorCollection unet, TensorCollection vae, TensorCollection text, bool openClip)
    {
        foreach (string name in unet.Names)
            yield return Renamed(unet.Find(name)!, "model.diffusion_model." + Unet(name));
        foreach (string name in vae.Names)
        {
            WeightSource source = vae.Find(name)!;
            bool attention = name.Contains(".attentions.0.", StringComparison.Ordinal) && source.Shape.Rank == 2;
            yield return Renamed(source, "first_stage_model." + Vae(name), attention ? [source.Shape[0], source.Shape[1], 1, 1] : source.Shape);
        }

        RenamedTensors parameters = new(text, text.Description, name => name.EndsWith(".position_ids", StringComparison.Ordinal) ? null : name, leaveOpen: true);
        foreach (WeightSource source in openClip ? OpenClip(parameters) : parameters.Names.Select(name => Renamed(parameters.Find(name)!, "cond_stage_model.transformer." + name)))
            yield return source;
    }

    /// <summary>A UNet's name in CompVis' code, without its prefix.</summary>
    public static string Unet(string name)
    {
        Match match = Block().Match(name);
        if (match.Success)
        {
            (string half, int i, string kind, int j, string rest) = (match.Groups[1].Value, Number(match, 2), match.Groups[3].Value, Number(match, 4), match.Groups[5].Value);
            return (half, kind) switch
            {
                ("down", "resnets") => $"input_blocks.{1 + 3 * i + j}.0.{Replaced(rest, s_unetResnet)}",
                ("down", "attentions") => $"input_blocks.{1 + 3 * i + j}.1.{rest}",
                ("down", _) => $"input_blocks.{3 + 3 * i}.0.op.{rest["conv.".Length..]}",
                ("up", "resnets") => $"output_blocks.{3 * i + j}.0.{Replaced(rest, s_unetResnet)}",
                ("up", "attentions") => $"output_blocks.{3 * i + j}.1.{rest}",
                _ => $"output_blocks.{(i == 0 ? "2.1" : i == 1 ? "5.2" : "8.2")}.{rest}",
            };
        }

        (string Ours, string Theirs)[] others =
        [
            ("mid_block.resnets.0.", "middle_block.0."), ("mid_block.attentions.0.", "middle_block.1."), ("mid_block.resnets.1.", "middle_block.2."),
            ("time_embedding.linear_1.", "time_embed.0."), ("time_embedding.linear_2.", "time_embed.2."), ("conv_in.", "input_blocks.0.0."), ("conv_norm_out.", "out.0."), ("conv_out.", "out.2."),
        ];
        string mapped = Replaced(name, others);
        return name.StartsWith("mid_block.resnets", StringComparison.Ordinal) ? mapped[..15] + Replaced(mapped[15..], s_unetResnet) : mapped;
    }

    /// <summary>A VAE's name in CompVis' code, without its prefix.</summary>
    public static string Vae(string name)
    {
        Match match = VaeBlock().Match(name);
        if (match.Success)
        {
            (string half, int i, string kind, int j, string rest) = (match.Groups[1].Value, Number(match, 2), match.Groups[3].Value, Number(match, 4), match.Groups[5].Value);
            string level = half == "encoder" ? $"encoder.down.{i}" : $"decoder.up.{3 - i}";
            return kind switch
            {
                "resnets" => $"{level}.block.{j}.{rest.Replace("conv_shortcut", "nin_shortcut", StringComparison.Ordinal)}",
                "downsamplers" => $"{level}.downsample.{rest}",
                _ => $"{level}.upsample.{rest}",
            };
        }

        foreach (string half in (string[])["encoder.", "decoder."])
        {
            if (name.StartsWith(half + "mid_block.attentions.0.", StringComparison.Ordinal))
                return half + "mid.attn_1." + Replaced(name[(half + "mid_block.attentions.0.").Length..], s_vaeAttention);
            if (name.StartsWith(half + "mid_block.resnets.", StringComparison.Ordinal))
                return name.Replace("mid_block.resnets.0", "mid.block_1", StringComparison.Ordinal).Replace("mid_block.resnets.1", "mid.block_2", StringComparison.Ordinal);
        }

        return name.Replace("conv_norm_out", "norm_out", StringComparison.Ordinal);
    }

    private static IEnumerable<WeightSource> OpenClip(TensorCollection text)
    {
        const string prefix = "cond_stage_model.model.", layers = "text_model.encoder.layers.";
        int count = text.Names.Count(name => name.EndsWith(".mlp.fc1.weight", StringComparison.Ordinal)), width = text.Find("text_model.final_layer_norm.weight")!.Shape[0];
        foreach (string name in text.Names.Where(name => !name.StartsWith(layers, StringComparison.Ordinal)))
        {
            yield return Renamed(text.Find(name)!, prefix + name switch
            {
                "text_model.embeddings.token_embedding.weight" => "token_embedding.weight",
                "text_model.embeddings.position_embedding.weight" => "positional_embedding",
                _ => name.Replace("text_model.final_layer_norm", "ln_final", StringComparison.Ordinal),
            });
        }

        for (int i = 0; i <= count; i++)
        {
            // The last layer is there and of no use: it repeats the first one.
            string ours = $"{layers}{i % count}.", theirs = $"{prefix}transformer.resblocks.{i}.";
            foreach (string kind in (string[])["weight", "bias"])
            {
                WeightSource[] thirds = [.. new[] { "q_proj", "k_proj", "v_proj" }.Select(projection => text.Find($"{ours}self_attn.{projection}.{kind}")!)];
                yield return new Stacked($"{theirs}attn.in_proj_{kind}", thirds);
            }

            foreach (string name in text.Names.Where(name => name.StartsWith(ours, StringComparison.Ordinal) && !name.Contains("q_proj") && !name.Contains("k_proj") && !name.Contains("v_proj")))
                yield return Renamed(text.Find(name)!, theirs + Replaced(name[ours.Length..], s_openClip));
        }

        yield return new ArrayWeightSource(prefix + "text_projection", [width, width], new float[width * width]);
        yield return new ArrayWeightSource(prefix + "logit_scale", [], [1f]);
    }

    private static WeightSource Renamed(WeightSource source, string name, Shape? shape = null) => new Stacked(name, [source], shape);

    private static string Replaced(string name, (string Ours, string Theirs)[] table) =>
        Array.Find(table, pair => name.StartsWith(pair.Ours, StringComparison.Ordinal)) is { Ours: not null } pair ? pair.Theirs + name[pair.Ours.Length..] : name;

    private static int Number(Match match, int group) => int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.*)$")]
    private static partial Regex Block();

    [GeneratedRegex(@"^(encoder|decoder)\.(?:down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.*)$")]
    private static partial Regex VaeBlock();

    private sealed class Stacked(string name, WeightSource[] parts, Shape? shape = null) : WeightSource(name, shape ?? parts[0].Shape.WithFirst(parts[0].Shape[0] * parts.Length), parts[0].DType)
    {
        public override void Read(long start, Span<float> destination)
        {
            for (int done = 0; done < destination.Length;)
            {
                long each = parts[0].Shape.Count, at = start + done;
                int count = (int)Math.Min(destination.Length - done, each - at % each);
                parts[at / each].Read(at % each, destination.Slice(done, count));
                done += count;
            }
        }
    }
}
