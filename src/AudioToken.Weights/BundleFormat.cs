namespace AudioToken.Weights;

/// <summary>Names inside a bundle, for those who write one and those who read one.</summary>
/// <remarks>
/// A bundle is one safetensors file. Tensors lie under <c>beats.</c>, <c>embedder.</c>, <c>text.</c>, <c>unet.</c>, <c>vae.</c> and,
/// optionally, <c>lora.</c>, each under the names of its original checkpoint; tokenizer files are U8 tensors of one dimension under
/// <c>tokenizer.</c>. <c>__metadata__</c> holds:
/// <list type="table">
/// <item><term><c>format</c></term><description><c>audiotoken-bundle</c></description></item>
/// <item><term><c>version</c></term><description><c>1</c></description></item>
/// <item><term><c>config.beats</c>, <c>config.text</c>, <c>config.unet</c>, <c>config.vae</c></term><description>the component's configuration, JSON</description></item>
/// <item><term><c>config.scheduler</c></term><description>the scheduler's configuration, JSON</description></item>
/// <item><term><c>provenance</c></term><description>JSON: converter and its version, dtype policy, sources with name, bytes and sha256</description></item>
/// <item><term><c>note</c></term><description>optional: what a user should know of the model</description></item>
/// </list>
/// </remarks>
public static class BundleFormat
{
    /// <summary>Value of <see cref="FormatKey"/>.</summary>
    public const string Format = "audiotoken-bundle";

    /// <summary>Value of <see cref="VersionKey"/> that this library writes and reads.</summary>
    public const string Version = "1";

    /// <summary>Metadata key of the format's name.</summary>
    public const string FormatKey = "format";

    /// <summary>Metadata key of the format's version.</summary>
    public const string VersionKey = "version";

    /// <summary>Metadata key of the scheduler's configuration.</summary>
    public const string SchedulerKey = "config.scheduler";

    /// <summary>Metadata key of the provenance.</summary>
    public const string ProvenanceKey = "provenance";

    /// <summary>Metadata key of the note.</summary>
    public const string NoteKey = "note";

    /// <summary>Prefix of tokenizer files.</summary>
    public const string TokenizerPrefix = "tokenizer.";

    /// <summary>Prefix of a component's tensors, with its dot.</summary>
    public static string Prefix(ModelComponent component) => component switch
    {
        ModelComponent.Beats => "beats.",
        ModelComponent.Embedder => "embedder.",
        ModelComponent.Text => "text.",
        ModelComponent.Unet => "unet.",
        ModelComponent.Vae => "vae.",
        ModelComponent.Lora => "lora.",
        _ => throw new ArgumentOutOfRangeException(nameof(component), component, "Not a component."),
    };

    /// <summary>Metadata key of a component's configuration.</summary>
    public static string ConfigKey(ModelComponent component) => "config." + Prefix(component)[..^1];
}
