namespace AudioToken.World;

/// <summary>When a scene happens.</summary>
public enum TimeOfDay
{
    /// <summary>Pale blue over peach.</summary>
    Dawn,

    /// <summary>Full light.</summary>
    Day,

    /// <summary>Violet over orange.</summary>
    Dusk,

    /// <summary>Dark blue, moon and stars.</summary>
    Night,
}
