namespace AudioToken.WeightsConverter.Layouts;

/// <summary>Numbers of the errors about what a checkpoint holds and how it is laid out.</summary>
internal static class ErrorCode
{
    /// <summary>The tensors are not those of the layout that their names promise.</summary>
    public const int Layout = 4710;

    /// <summary>The file holds another component than the one it was named for, or none that is known.</summary>
    public const int Component = 4711;

    /// <summary>A part that is needed is not there, and nothing was named to take it from.</summary>
    public const int Missing = 4712;

    /// <summary>A configuration asks for what is not supported.</summary>
    public const int Config = 4713;
}
