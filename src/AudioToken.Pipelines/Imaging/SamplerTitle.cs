namespace AudioToken.Pipelines.Imaging;

/// <summary>The names by which other programs know a sampler, for the <c>Sampler</c> field of an image's parameters.</summary>
public static class SamplerTitle
{
    private static readonly (string Name, string Title)[] s_titles =
    [
        ("pndm", "PLMS"), // PNDM without its Runge-Kutta start, as Stable Diffusion runs it
        ("ddim", "DDIM"),
        ("ddpm", "DDPM"),
        ("dpm++2m", "DPM++ 2M"),
        ("euler", "Euler"),
        ("euler_a", "Euler a"),
        ("lcm", "LCM"),
    ];

    /// <summary>The title of a sampler of ours, e.g. "DPM++ 2M Karras"; a name that is not in the table is its own title.</summary>
    public static string Of(string name, bool karrasSigmas = false)
    {
        string title = Array.Find(s_titles, pair => pair.Name == name).Title ?? name;
        return karrasSigmas ? title + " Karras" : title;
    }

    /// <summary>Our name for a title, and whether it asks for Karras sigmas; a foreign title comes back as it is.</summary>
    public static (string Name, bool KarrasSigmas) Parse(string title)
    {
        bool karras = title.EndsWith(" Karras", StringComparison.Ordinal);
        string plain = karras ? title[..^" Karras".Length] : title;
        return Array.Find(s_titles, pair => pair.Title == plain).Name is string name ? (name, karras) : (title, false);
    }
}
