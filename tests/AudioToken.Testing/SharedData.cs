namespace AudioToken.Testing;

/// <summary>Third-party data that is not part of the repository; tests that want it skip where it is absent.</summary>
public static class SharedData
{
    private static readonly string? s_folder = Find();

    /// <summary>Path of a file under the data folder, or null where the folder or the file is absent.</summary>
    public static string? PathOf(string relative)
    {
        string? path = s_folder is null ? null : Path.Combine(s_folder, relative);
        return path is not null && Path.Exists(path) ? path : null;
    }

    // AUDIOTOKEN_TEST_DATA names the folder; otherwise shared/data beside the repository.
    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("AUDIOTOKEN_TEST_DATA") is { Length: > 0 } named)
            return named;
        if (Repository.Root is not { } root || Directory.GetParent(root) is not { } parent)
            return null;
        string folder = Path.Combine(parent.FullName, "shared", "data");
        return Directory.Exists(folder) ? folder : null;
    }
}
