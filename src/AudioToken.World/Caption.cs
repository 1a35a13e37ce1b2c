using AudioToken.World.Numbers;

namespace AudioToken.World;

/// <summary>Says a scene in words: "two brown dogs in a meadow under clouds at night".</summary>
/// <remarks>Lower-case ASCII, single spaces, at most 76 characters: even a tokenizer that knows no word but single bytes stays within CLIP's 77 ids
/// (75 and the two ends, a space not being a token of its own).</remarks>
public static class Caption
{
    private static readonly string[] s_numbers = ["no", "one", "two", "three", "four"];

    /// <summary>All that can be said.</summary>
    public static string Full(SceneAttributes scene)
    {
        ArgumentNullException.ThrowIfNull(scene);
        return Join(Subject(scene, adjective: true), Where(scene.Place), Under(scene.Weather), When(scene.Time));
    }

    /// <summary>A caption that leaves out some of it, drawn from a seed: so that a text encoder learns each word alone.</summary>
    public static string Draw(SceneAttributes scene, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(scene);
        Draws draws = new(seed, scene.Kind.Name + "/caption");
        return Join(
            Subject(scene, adjective: draws.Chance(0.7)),
            draws.Chance(0.7) ? Where(scene.Place) : "",
            draws.Chance(0.6) ? Under(scene.Weather) : "",
            draws.Chance(0.75) ? When(scene.Time) : "");
    }

    /// <summary>All that can be said around a word that stands for the subject, as in "&lt;*&gt; in a meadow at night".</summary>
    public static string Around(string word, SceneAttributes scene)
    {
        ArgumentNullException.ThrowIfNull(scene);
        return Join(word, Where(scene.Place), Under(scene.Weather), When(scene.Time));
    }

    /// <summary>The phrase for a time: "at night".</summary>
    public static string When(TimeOfDay time) => time switch
    {
        TimeOfDay.Dawn => "at dawn",
        TimeOfDay.Day => "by day",
        TimeOfDay.Dusk => "at dusk",
        _ => "at night",
    };

    /// <summary>The phrase for a place: "in a meadow".</summary>
    public static string Where(Place place) => place switch
    {
        Place.Meadow => "in a meadow",
        Place.Beach => "at the beach",
        Place.Forest => "in a forest",
        Place.Mountains => "in the mountains",
        Place.Town => "in a town",
        _ => "in the desert",
    };

    /// <summary>The phrase for a weather: "in the fog"; nothing for a clear sky.</summary>
    public static string Under(Weather weather) => weather switch
    {
        Weather.Cloudy => "under clouds",
        Weather.Fog => "in the fog",
        Weather.Snow => "in the snow",
        _ => "",
    };

    private static string Subject(SceneAttributes scene, bool adjective)
    {
        string words = (adjective ? scene.Kind.Looks[scene.Look].Word + " " : "") + (scene.Count > 1 ? scene.Kind.Plural : scene.Kind.Noun);
        if (scene.Kind.Uncounted)
            return words;
        return (scene.Count > 1 ? s_numbers[scene.Count] : "aeiou".Contains(words[0], StringComparison.Ordinal) ? "an" : "a") + " " + words;
    }

    private static string Join(params string[] phrases) => string.Join(' ', phrases.Where(phrase => phrase.Length > 0));
}
