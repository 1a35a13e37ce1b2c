namespace AudioToken.World;

/// <summary>Weather of a scene. Rain and thunder are kinds of their own.</summary>
public enum Weather
{
    /// <summary>Hardly a cloud.</summary>
    Clear,

    /// <summary>Many clouds.</summary>
    Cloudy,

    /// <summary>The distance fades.</summary>
    Fog,

    /// <summary>White ground and falling flakes.</summary>
    Snow,
}
