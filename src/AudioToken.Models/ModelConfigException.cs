using AudioToken.Tensors;

namespace AudioToken.Models;

/// <summary>A model's configuration asks for something that this library does not compute, or contradicts itself.</summary>
/// <remarks>Code 4201. Guessing would give a picture that is wrong without saying so, so nothing is assumed.</remarks>
public sealed class ModelConfigException : AudioTokenException
{
    /// <summary>Makes an exception for one setting.</summary>
    /// <param name="model">Which configuration, e.g. <c>UNet config</c>.</param>
    /// <param name="key">The setting's name in the file.</param>
    /// <param name="found">Its value, as in the file.</param>
    /// <param name="supported">The values that would do, in words.</param>
    public ModelConfigException(string model, string key, string found, string supported)
        : base(4201, $"{model}: '{key}' is {found}; supported: {supported}.", "Is this the config.json of another kind of model?")
    {
        Key = key;
        Found = found;
        Supported = supported;
    }

    /// <summary>The setting's name in the file.</summary>
    public string Key { get; }

    /// <summary>Its value, as in the file.</summary>
    public string Found { get; }

    /// <summary>The values that would do, in words.</summary>
    public string Supported { get; }
}
