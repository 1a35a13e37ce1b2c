using System.Text.Json.Nodes;
using AudioToken.Weights;

namespace AudioToken.WeightsConverter.Configs;

/// <summary>What shapes do not tell, as the published Stable Diffusion 1.x and 2.x have it.</summary>
internal static class UsualSettings
{
    // Stable Diffusion 2 attends to 1024 channels; its heads are 64 channels wide, those of 1.x are eight at every level.
    private const int SecondWidth = 1024, HeadWidth = 64;

    /// <summary>The scheduler's configuration that all of them were trained with.</summary>
    /// <param name="prediction"><c>epsilon</c> or <c>v_prediction</c>.</param>
    public static JsonObject Scheduler(string prediction) => new()
    {
        ["_class_name"] = prediction == "v_prediction" ? "DDIMScheduler" : "PNDMScheduler",
        ["beta_start"] = 0.00085,
        ["beta_end"] = 0.012,
        ["beta_schedule"] = "scaled_linear",
        ["num_train_timesteps"] = 1000,
        ["clip_sample"] = false,
        ["set_alpha_to_one"] = false,
        ["skip_prk_steps"] = true,
        ["steps_offset"] = 1,
        ["prediction_type"] = prediction,
    };

    /// <summary>Completes what shapes told of one component.</summary>
    public static void Complete(ModelComponent component, JsonObject facts)
    {
        switch (component)
        {
            case ModelComponent.Unet:
                bool second = (int?)facts["cross_attention_dim"] == SecondWidth && facts.ContainsKey("block_out_channels");
                facts["attention_head_dim"] = second
                    ? new JsonArray([.. facts["block_out_channels"]!.AsArray().Select(channels => (JsonNode)Math.Max(1, (int)channels! / HeadWidth))])
                    : 8;
                facts["sample_size"] = 64;
                break;
            case ModelComponent.Text:
                int width = (int?)facts["hidden_size"] ?? 768;
                facts["num_attention_heads"] = Math.Max(1, width / HeadWidth);
                facts["hidden_act"] = width == SecondWidth ? "gelu" : "quick_gelu";
                break;
            default:
                break;
        }
    }
}
