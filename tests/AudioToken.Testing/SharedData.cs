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

    // AUDIOTOKEN_TEST_DATA names the folder; otherwise shared/data beside the repository, wherever the tests were started from.
    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("AUDIOTOKEN_TEST_DATA") is { Length: > 0 } named)
            return named;
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "AudioToken.Native.sln")) && at.Parent is not null)
            {
                string folder = Path.Combine(at.Parent.FullName, "shared", "data");
                return Directory.Exists(folder) ? folder : null;
            }
        }

        return null;
    }
}
