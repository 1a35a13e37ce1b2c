using AudioToken.Tensors;

namespace AudioToken.Sampling;

/// <summary>A scheduler_config.json that cannot be followed. Codes: 4401 malformed, 4402 a value that is not supported.</summary>
public sealed class SchedulerConfigException : AudioTokenException
{
    /// <summary>Makes an exception with its number and text.</summary>
    public SchedulerConfigException(int code, string message, string? hint = null, Exception? inner = null)
        : base(code, message, hint, inner)
    {
    }

    internal static SchedulerConfigException Unsupported(string key, string value, string supported, string? hint = null) =>
        new(ErrorCode.ConfigUnsupported, $"scheduler_config.json: '{key}' is {value}; supported: {supported}.", hint);
}
