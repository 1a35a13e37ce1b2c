namespace AudioToken.World;

/// <summary>Where a scene happens.</summary>
public enum Place
{
    /// <summary>Green hills and flowers.</summary>
    Meadow,

    /// <summary>A beach with the sea behind.</summary>
    Beach,

    /// <summary>Rows of firs.</summary>
    Forest,

    /// <summary>Peaks with snow.</summary>
    Mountains,

    /// <summary>Houses with windows.</summary>
    Town,

    /// <summary>Dunes and cacti.</summary>
    Desert,
}
