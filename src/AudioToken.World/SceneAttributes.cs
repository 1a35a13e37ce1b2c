using AudioToken.World.Numbers;

namespace AudioToken.World;

/// <summary>What can be said of a scene; all else (positions, sizes, shades) is drawn from the seed.</summary>
/// <param name="Kind">What is heard and seen.</param>
/// <param name="Time">When.</param>
/// <param name="Place">Where; one of the kind's places.</param>
/// <param name="Weather">One of the kind's.</param>
/// <param name="Look">Index into the kind's looks.</param>
/// <param name="Count">How many, from 1 to the kind's most.</param>
public sealed record SceneAttributes(WorldKind Kind, TimeOfDay Time, Place Place, Weather Weather, int Look, int Count)
{
    /// <summary>Draws attributes of a kind.</summary>
    public static SceneAttributes Draw(WorldKind kind, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(kind);
        Draws draws = new(seed, kind.Name + "/attributes");
        return new SceneAttributes(
            kind,
            draws.Pick(s_times),
            draws.Pick(kind.Places),
            draws.Chance(0.5) ? kind.Weathers[0] : draws.Pick(kind.Weathers),
            draws.Whole(0, kind.Looks.Count - 1),
            draws.Chance(0.6) ? 1 : draws.Whole(1, kind.MostOfThem));
    }

    private static readonly TimeOfDay[] s_times = [TimeOfDay.Dawn, TimeOfDay.Day, TimeOfDay.Day, TimeOfDay.Dusk, TimeOfDay.Night];

    /// <summary>Checks that the kind has such a scene.</summary>
    /// <exception cref="ArgumentException">It has not; the message says what it has.</exception>
    internal void Check()
    {
        if (!Kind.Places.Contains(Place))
            throw new ArgumentException($"'{Kind.Name}' has no scene at {Place}; it has {string.Join(", ", Kind.Places)}.");
        if (!Kind.Weathers.Contains(Weather))
            throw new ArgumentException($"'{Kind.Name}' has no weather {Weather}; it has {string.Join(", ", Kind.Weathers)}.");
        if (Look < 0 || Look >= Kind.Looks.Count || Count < 1 || Count > Kind.MostOfThem)
            throw new ArgumentException($"'{Kind.Name}' has looks 0 to {Kind.Looks.Count - 1} and counts 1 to {Kind.MostOfThem}; wanted look {Look}, count {Count}.");
    }
}
