namespace AudioToken.Testing;

/// <summary>The working tree that the tests were built from, where there is one.</summary>
public static class Repository
{
    /// <summary>The folder of AudioToken.Native.sln, or null if the tests run away from their sources (a published copy).</summary>
    public static string? Root { get; } = Find();

    private static string? Find()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "AudioToken.Native.sln")))
                return at.FullName;
        }

        return null;
    }
}
