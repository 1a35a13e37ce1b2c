using AudioToken.Sampling;
using AudioToken.Tensors;

namespace AudioToken.Training.Adapters;

/// <summary>Names of a LoRA's tensors as diffusers 0.16 and the official script write them, and how they begin.</summary>
internal static class LowRankNames
{
    private static readonly (string Ending, LowRankTargets Target)[] s_projections =
        [(".to_q.weight", LowRankTargets.Query), (".to_k.weight", LowRankTargets.Key), (".to_v.weight", LowRankTargets.Value), (".to_out.0.weight", LowRankTargets.Output)];

    /// <summary>The two names beside a weight of the UNet, or null if the weight is none of the targets.</summary>
    public static (string Down, string Up)? Of(string weight, LowRankTargets targets)
    {
        foreach ((string ending, LowRankTargets target) in s_projections)
        {
            if (!targets.HasFlag(target) || !weight.EndsWith(ending, StringComparison.Ordinal))
                continue;
            string processor = $"{weight[..^ending.Length]}.processor.{ending.Split('.')[1]}_lora";
            return ($"{processor}.down.weight", $"{processor}.up.weight");
        }

        return null;
    }

    /// <summary>A fresh down matrix: normal values of deviation 1 / rank, as diffusers draws them; up begins with zeros.</summary>
    public static WeightSource FreshDown(string name, Shape shape, ulong seed)
    {
        float[] values = new float[shape.Count];
        new PhiloxGenerator(StableSeed.Of(seed, name)).Fill(values);
        for (int i = 0; i < values.Length; i++)
            values[i] /= shape[0];
        return new ArrayWeightSource(name, shape, values);
    }
}
