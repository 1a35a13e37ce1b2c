namespace AudioToken.Testing;

/// <summary>Temporary folders of tests that were killed, and sources kept for a kernel that was meant not to compile.</summary>
internal static class Leftovers
{
    private static readonly string[] s_patterns = ["audiotoken-kernel-*", "audiotoken-tiny-*", "audiotoken-cold-*", "audiotoken-train-*", "audiotoken-cli-*"];

    // Longer than any test takes, so nobody is at work in what is older.
    private static readonly TimeSpan s_abandoned = TimeSpan.FromHours(1);

    private static readonly Lazy<int> s_swept = new(() => s_patterns.Sum(Sweep));

    /// <summary>Deletes those that nobody uses any more, once a process.</summary>
    /// <returns>How many there were.</returns>
    public static int Sweep() => s_swept.Value;

    private static int Sweep(string pattern)
    {
        int swept = 0;
        foreach (DirectoryInfo folder in new DirectoryInfo(Path.GetTempPath()).EnumerateDirectories(pattern))
        {
            if (DateTime.UtcNow - folder.LastWriteTimeUtc < s_abandoned)
                continue;
            try
            {
                folder.Delete(recursive: true);
                swept++;
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // Another process sweeps too, or it is another user's.
            }
        }

        return swept;
    }
}
