using AudioToken.Bench.Synthetic;
using AudioToken.Models.Unet;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Bench;

/// <summary>The operations of one UNet step.</summary>
public static class UnetStep
{
    private const int ContextLength = 77;

    /// <summary>Runs a step on shapes alone and tells what it asked for; what depends on text and time alone is made before and not counted.</summary>
    /// <param name="config">The architecture; its sample size is the latents' side.</param>
    /// <param name="batch">Samples, at least 1.</param>
    public static StepRecorder Record(UnetConfig config, int batch)
    {
        ArgumentNullException.ThrowIfNull(config);
        StepRecorder ops = new();
        using TensorCollection weights = new FormulaCheckpoint("unet/", CheckpointShapes.Unet(config));
        using UnetModel model = UnetModel.Load(ops, weights, config);
        using TensorScope scope = ops.Scope();
        UnetContext context = model.PrepareContext(ops, ops.Upload(ReadOnlySpan<float>.Empty, [batch, ContextLength, config.ContextWidth]));
        UnetTimes times = model.PrepareTimes(ops, [981f]);
        Tensor latents = ops.Upload(ReadOnlySpan<float>.Empty, [batch, config.SampleSize, config.SampleSize, config.InChannels]);
        ops.Start();
        model.Forward(ops, latents, times.Step(0), context);
        return ops;
    }
}
