using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using AudioToken.Weights;

namespace AudioToken.WeightsConverter.Configs;

/// <summary>Holds a component's configuration against its tensors: where they contradict each other, the tensors are right.</summary>
internal static class ConfigReconciler
{
    private static readonly JsonSerializerOptions s_plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The configuration to keep.</summary>
    /// <param name="component">The component.</param>
    /// <param name="tensors">Its tensors.</param>
    /// <param name="config">Its configuration as JSON; null if none came with it.</param>
    /// <param name="notes">Told what was inferred or set right, a sentence each.</param>
    public static string Reconcile(ModelComponent component, TensorCollection tensors, string? config, ICollection<string> notes)
    {
        JsonObject facts = ShapeFacts.Of(component, tensors);
        if (config is null)
        {
            UsualSettings.Complete(component, facts);
            notes.Add($"{tensors.Description} has no configuration: it is read off the shapes, the rest is as Stable Diffusion has it; --config names a folder that has one");
            return facts.ToJsonString(s_plain);
        }

        JsonObject given = JsonNode.Parse(config)!.AsObject();
        bool changed = false;
        foreach ((string key, JsonNode? told) in facts)
        {
            // What a configuration leaves out has a default there; only a contradiction is set right.
            if (!given.TryGetPropertyValue(key, out JsonNode? said) || JsonNode.DeepEquals(said, told))
                continue;
            notes.Add($"{tensors.Description}: its configuration says {key} = {said?.ToJsonString(s_plain) ?? "null"}, its tensors say {told!.ToJsonString(s_plain)}; the tensors are taken at their word");
            given[key] = told.DeepClone();
            changed = true;
        }

        return changed ? given.ToJsonString(s_plain) : config;
    }
}
