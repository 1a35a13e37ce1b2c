using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>A UNet's tensors with a LoRA merged in: the model that loads them need not know of it.</summary>
/// <remarks>
/// Understands four spellings, each with or without a leading <c>unet.</c> or <c>base_model.model.</c>:
/// <list type="bullet">
/// <item>diffusers attention processors, which AudioToken's training writes: <c>P.processor.to_q_lora.{down,up}.weight</c>, <c>to_out_lora</c> for <c>to_out.0</c>;</item>
/// <item>diffusers 0.19 on: <c>P.to_q.lora.{down,up}.weight</c>;</item>
/// <item>PEFT: <c>P.to_q.lora_{A,B}.weight</c>;</item>
/// <item>kohya: <c>lora_unet_P_to_q.lora_{down,up}.weight</c>, dots of P written as underscores.</item>
/// </list>
/// An <c>alpha</c> beside the pair scales by alpha / rank, as its writers mean it; without one the product counts as it is.
/// </remarks>
public sealed class LowRankTensors : TensorCollection
{
    private const int ShownFaults = 12;

    private readonly TensorCollection _model;
    private readonly TensorCollection _lora;
    private readonly Dictionary<string, LowRankWeightSource> _merged = [];
    private readonly bool _leaveOpen;

    /// <summary>Merges a LoRA into a model's tensors, to the last of its keys.</summary>
    /// <param name="model">The UNet's tensors, diffusers names.</param>
    /// <param name="lora">The LoRA's tensors.</param>
    /// <param name="strength">1 as trained, 0 none.</param>
    /// <param name="leaveOpen">False: disposing of this disposes of both.</param>
    /// <exception cref="WeightFileException">Tensors of the LoRA fit nothing in the model, lack their other half, or have other shapes (4112).</exception>
    public LowRankTensors(TensorCollection model, TensorCollection lora, float strength = 1f, bool leaveOpen = false)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(lora);
        _model = model;
        _lora = lora;
        _leaveOpen = leaveOpen;
        HashSet<string> left = [.. lora.Names];
        foreach (string name in model.Names)
        {
            if (FindPair(name, left) is { } pair)
                _merged.Add(name, Merge(name, pair, strength));
        }

        if (left.Count > 0)
            throw Report(left);
    }

    /// <inheritdoc/>
    public override string Description => $"{_model.Description} with {_lora.Description}";

    /// <inheritdoc/>
    public override IEnumerable<string> Names => _model.Names;

    /// <summary>How many of the model's tensors the LoRA changes.</summary>
    public int MergedCount => _merged.Count;

    /// <inheritdoc/>
    public override WeightSource? Find(string name) => _merged.TryGetValue(name, out LowRankWeightSource? merged) ? merged : _model.Find(name);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!_leaveOpen)
        {
            _model.Dispose();
            _lora.Dispose();
        }

        base.Dispose(disposing);
    }

    private static Pair? FindPair(string name, HashSet<string> left)
    {
        const string weight = ".weight";
        if (!name.EndsWith(weight, StringComparison.Ordinal))
            return null;
        string module = name[..^weight.Length];
        foreach (Pair pair in Spellings(module))
        {
            if (!left.Contains(pair.Down) || !left.Contains(pair.Up))
                continue;
            left.Remove(pair.Down);
            left.Remove(pair.Up);
            return left.Remove(pair.Alpha) ? pair : pair with { Alpha = "" };
        }

        return null;
    }

    private static IEnumerable<Pair> Spellings(string module)
    {
        string kohya = $"lora_unet_{module.Replace('.', '_')}";
        yield return new Pair($"{kohya}.lora_down.weight", $"{kohya}.lora_up.weight", $"{kohya}.alpha");
        foreach (string prefix in (string[])["", "unet.", "base_model.model.", "unet.base_model.model."])
        {
            string path = prefix + module;
            yield return new Pair($"{path}.lora.down.weight", $"{path}.lora.up.weight", $"{path}.alpha");
            yield return new Pair($"{path}.lora_A.weight", $"{path}.lora_B.weight", $"{path}.alpha");

            string attention = path.EndsWith(".to_out.0", StringComparison.Ordinal) ? path[..^".0".Length] : path;
            int dot = attention.LastIndexOf('.');
            if (dot > 0 && attention[(dot + 1)..] is "to_q" or "to_k" or "to_v" or "to_out")
            {
                string processor = $"{attention[..dot]}.processor.{attention[(dot + 1)..]}_lora";
                yield return new Pair($"{processor}.down.weight", $"{processor}.up.weight", $"{processor}.alpha");
            }
        }
    }

    private LowRankWeightSource Merge(string name, Pair pair, float strength)
    {
        WeightSource down = _lora.Find(pair.Down)!;
        float scale = strength;
        if (pair.Alpha.Length > 0)
        {
            WeightSource alpha = _lora.Find(pair.Alpha)!;
            if (alpha.Shape.Count != 1 || down.Shape.Rank == 0 || down.Shape[0] == 0 || alpha.ReadAll() is not [float value] || !float.IsFinite(value))
                throw new WeightFileException(ErrorCode.LowRank, _lora.Description, $"{WeightFileException.Quote(pair.Alpha)} is {alpha.Shape}, wanted one finite number.");
            scale *= value / down.Shape[0];
        }

        return new LowRankWeightSource(_model.Find(name)!, down, _lora.Find(pair.Up)!, scale);
    }

    private WeightFileException Report(HashSet<string> left)
    {
        string lines = string.Join("", left.Order(StringComparer.Ordinal).Take(ShownFaults).Select(name => $"\n  {WeightFileException.Quote(name)}"));
        string more = left.Count > ShownFaults ? $"\n  … and {left.Count - ShownFaults} more" : "";
        return new WeightFileException(ErrorCode.LowRank, _lora.Description, $"{left.Count} tensors of the LoRA fit nothing in {_model.Description}, or lack their other half:{lines}{more}",
            "Is it a LoRA of this model, and of its UNet?");
    }

    private sealed record Pair(string Down, string Up, string Alpha);
}
