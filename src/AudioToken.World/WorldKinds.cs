using AudioToken.World.Kinds;

namespace AudioToken.World;

/// <summary>All kinds of the small world.</summary>
public static class WorldKinds
{
    /// <summary>Every kind, in the order of their labels.</summary>
    public static IReadOnlyList<WorldKind> All { get; } =
    [
        new Rain(), new Thunder(), new Sea(), new Wind(), new Fire(), new Birdsong(), new Crickets(), new Dog(),
        new Bell(), new Engine(), new Train(), new Heartbeat(), new Clock(), new Frog(), new Footsteps(), new Siren(),
    ];

    /// <summary>The kind of a name.</summary>
    /// <exception cref="ArgumentException">There is none; the message lists those there are.</exception>
    public static WorldKind Find(string name) => All.FirstOrDefault(kind => kind.Name == name)
        ?? throw new ArgumentException($"there is no kind '{name}'; there are {string.Join(", ", All)}.", nameof(name));
}
