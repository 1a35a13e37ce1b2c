using AudioToken.World.Numbers;
using AudioToken.World.Scenery;
using AudioToken.World.Sounds;

namespace AudioToken.World;

/// <summary>One thing of the small world: how it sounds, how it looks, what it is called.</summary>
public abstract class WorldKind
{
    private protected WorldKind()
    {
    }

    /// <summary>Its name: one lower-case word, part of file names.</summary>
    public abstract string Name { get; }

    /// <summary>What a caption calls one of it, without article and adjective.</summary>
    public virtual string Noun => Name;

    /// <summary>The plural, for kinds of which there can be several.</summary>
    public virtual string Plural => Noun + "s";

    /// <summary>Looks to choose from; at least one.</summary>
    public abstract IReadOnlyList<Look> Looks { get; }

    /// <summary>Where it can be; at least one.</summary>
    public virtual IReadOnlyList<Place> Places => Enum.GetValues<Place>();

    /// <summary>Weathers it can have, the commonest first.</summary>
    public virtual IReadOnlyList<Weather> Weathers => Enum.GetValues<Weather>();

    /// <summary>The most of it in one scene.</summary>
    public virtual int MostOfThem => 1;

    /// <summary>True if it is not counted: "heavy rain", not "a heavy rain".</summary>
    public virtual bool Uncounted => false;

    /// <summary>Its name.</summary>
    public override string ToString() => Name;

    /// <summary>Synthesises the sound.</summary>
    /// <param name="seed">The seed; see <see cref="WorldSeeds"/>.</param>
    /// <param name="samples">Length at 16 kHz, at least 1.</param>
    /// <returns>Mono samples in [-1, 1], the same bits on every machine.</returns>
    public float[] Sound(ulong seed, int samples)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, 1);
        Draws draws = new(seed, Name + "/sound");
        Track track = new(samples);
        Sound(track, draws);
        return track.Finish(draws);
    }

    /// <summary>Mixes the sound into a track at any loudness.</summary>
    internal abstract void Sound(Track track, Draws draws);

    /// <summary>Paints sky and surroundings and, before them, the subject.</summary>
    internal virtual void Paint(Stage stage)
    {
        stage.Surroundings();
        Subject(stage);
    }

    /// <summary>Paints the subject.</summary>
    internal abstract void Subject(Stage stage);
}
