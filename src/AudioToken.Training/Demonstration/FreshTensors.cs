using AudioToken.Sampling;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Training.Demonstration;

/// <summary>Weights before any training: normal values of deviation 1 / sqrt(inputs), norms of one, biases of zero, and zero for what ends a
/// residual branch of the UNet (Dhariwal and Nichol 2021).</summary>
/// <param name="component">What is begun; its name is part of the seeds.</param>
/// <param name="seed">Seed of the draw.</param>
internal sealed class FreshTensors(ModelComponent component, ulong seed) : DrawnTensors
{
    /// <inheritdoc/>
    public override string Description => $"fresh {component}";

    /// <inheritdoc/>
    public override WeightSource Draw(string name, Shape shape)
    {
        float[] values = new float[shape.Count];
        double deviation = Deviation(name, shape);
        if (IsScale(name, shape))
        {
            Array.Fill(values, 1);
        }
        else if (deviation > 0)
        {
            new PhiloxGenerator(StableSeed.Of(seed, $"{component}.{name}")).Fill(values);
            for (int i = 0; i < values.Length; i++)
                values[i] *= (float)deviation;
        }

        return new ArrayWeightSource(name, shape, values);
    }

    // Norms, and the scales of BEATs' weight norm and gates.
    private static bool IsScale(string name, Shape shape) =>
        name.EndsWith("weight_g", StringComparison.Ordinal) || name.EndsWith("grep_a", StringComparison.Ordinal)
        || (shape.Rank == 1 && name.EndsWith(".weight", StringComparison.Ordinal));

    private double Deviation(string name, Shape shape)
    {
        if (shape.Rank < 2)
            return 0;
        if (component == ModelComponent.Unet && (name.EndsWith("conv2.weight", StringComparison.Ordinal) || name.EndsWith("proj_out.weight", StringComparison.Ordinal)
            || name == "conv_out.weight"))
        {
            return 0;
        }

        // Places weigh less than words.
        if (name.Contains("token_embedding", StringComparison.Ordinal))
            return 0.3;
        if (name.Contains("position_embedding", StringComparison.Ordinal))
            return 0.1;
        if (name.EndsWith("relative_attention_bias.weight", StringComparison.Ordinal))
            return 0.02;
        double inputs = (double)shape.Count / shape[0];
        // DeepNet: what feeds a residual begins smaller. Wang et al. 2022.
        bool branch = component == ModelComponent.Beats && (name.Contains("v_proj", StringComparison.Ordinal) || name.Contains("out_proj", StringComparison.Ordinal)
            || name.Contains(".fc", StringComparison.Ordinal));
        return (branch ? 0.4 : 1) / Math.Sqrt(inputs);
    }
}
