using AudioToken.Pipelines.Imaging;
using AudioToken.World.Scenery;

namespace AudioToken.World;

/// <summary>A scene with its sound, picture and captions: a function of kind and seed alone.</summary>
/// <remarks>Sound and picture are the same bits on every machine and every run.</remarks>
public sealed class WorldSample
{
    /// <summary>Names a sample; nothing is made before it is asked for.</summary>
    public WorldSample(WorldKind kind, ulong seed)
    {
        (Kind, Seed) = (kind, seed);
        Scene = SceneAttributes.Draw(kind, seed);
    }

    /// <summary>What it is.</summary>
    public WorldKind Kind { get; }

    /// <summary>Its seed.</summary>
    public ulong Seed { get; }

    /// <summary>What can be said of the picture.</summary>
    public SceneAttributes Scene { get; }

    /// <summary>Name of its files without ending: "dog-0000001234".</summary>
    public string Name => $"{Kind.Name}-{Seed:D10}";

    /// <summary>A caption of some of the attributes.</summary>
    public string Caption => World.Caption.Draw(Scene, Seed);

    /// <summary>Synthesises the sound: mono, 16 kHz, in [-1, 1].</summary>
    public float[] Sound(double seconds = 10) => Kind.Sound(Seed, checked((int)(seconds * 16000)));

    /// <summary>Draws the picture, <paramref name="size"/> pixels wide and high.</summary>
    public ImageBuffer Picture(int size = 128) => Picture(Scene, Seed, size);

    /// <summary>Draws a scene of chosen attributes; all else comes from the seed.</summary>
    /// <exception cref="ArgumentException">The kind has no such scene, or the size is not 16 to 2048.</exception>
    public static ImageBuffer Picture(SceneAttributes scene, ulong seed, int size = 128)
    {
        ArgumentNullException.ThrowIfNull(scene);
        scene.Check();
        if (size is < 16 or > 2048)
            throw new ArgumentException($"the size is {size}, wanted 16 to 2048 pixels.", nameof(size));
        return Stage.Draw(scene, seed, size);
    }
}
