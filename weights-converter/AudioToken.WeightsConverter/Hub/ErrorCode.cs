namespace AudioToken.WeightsConverter.Hub;

/// <summary>Numbers of the errors about the hub and its cache.</summary>
internal static class ErrorCode
{
    /// <summary>The text names no repository.</summary>
    public const int Id = 2601;

    /// <summary>The cache does not hold what was asked for, or is broken.</summary>
    public const int Cache = 4720;

    /// <summary>What arrived is not what the hub promised.</summary>
    public const int Content = 4721;

    /// <summary>The hub does not have it, or does not give it.</summary>
    public const int Refused = 8701;

    /// <summary>The hub cannot be reached, or the connection broke.</summary>
    public const int Connection = 8702;
}
