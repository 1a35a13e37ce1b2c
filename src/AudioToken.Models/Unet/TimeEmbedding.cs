using AudioToken.Models.Layers;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Unet;

/// <summary>Sinusoids of the timestep, then an MLP. Ho et al. 2020.</summary>
internal sealed class TimeEmbedding
{
    private readonly UnetConfig _config;
    private readonly Linear _linear1, _linear2;

    public TimeEmbedding(WeightPath weights, UnetConfig config)
    {
        _config = config;
        _linear1 = Linear.Load(weights / "linear_1", config.Channels[0], config.TimeChannels);
        _linear2 = Linear.Load(weights / "linear_2", config.TimeChannels, config.TimeChannels);
    }

    /// <summary>Timesteps [S] to SiLU of their embedding, [S, Ct]: no block wants it otherwise. The caller's scope owns it.</summary>
    public Tensor Forward(ITensorOps ops, Tensor timesteps)
    {
        using TensorScope scope = ops.Scope();
        Tensor sinusoids = ops.TimestepEmbedding(timesteps, _config.Channels[0], _config.CosineFirst, _config.FrequencyShift); // [S, C0]
        Tensor h = _linear1.Forward(ops, sinusoids, new() { Activation = Activation.Silu });                                  // [S, Ct]
        return scope.Keep(_linear2.Forward(ops, h, new() { Activation = Activation.Silu }));
    }
}
