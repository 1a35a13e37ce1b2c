using AudioToken.Tensors;

namespace AudioToken.WeightsConverter.Hub;

/// <summary>The HuggingFace cache on this machine: what was downloaded before, by any program, found without a network.</summary>
/// <remarks>
/// Layout: <c>models--org--name/</c> with <c>refs/REVISION</c> (a commit as text), <c>snapshots/COMMIT/…</c> (relative links) and
/// <c>blobs/ETAG</c> (the content). The root is <c>HF_HUB_CACHE</c>, else <c>HF_HOME/hub</c>, else <c>~/.cache/huggingface/hub</c>.
/// Links that leave the repository's folder are refused.
/// </remarks>
public sealed class HubCache
{
    private const int MaxFiles = 10_000;

    /// <summary>A cache at a place.</summary>
    public HubCache(string root) => Root = root;

    /// <summary>The cache's folder.</summary>
    public string Root { get; }

    /// <summary>The cache that the environment names.</summary>
    /// <param name="variable">Gives an environment variable's value, or null.</param>
    public static HubCache FromEnvironment(Func<string, string?> variable)
    {
        ArgumentNullException.ThrowIfNull(variable);
        string? Set(string name) => variable(name) is { Length: > 0 } value ? value : null;
        string home = Set("HF_HOME") ?? Path.Combine(Set("XDG_CACHE_HOME") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"), "huggingface");
        return new HubCache(Set("HF_HUB_CACHE") ?? Set("HUGGINGFACE_HUB_CACHE") ?? Path.Combine(home, "hub"));
    }

    /// <summary>The folder of a repository, there or not.</summary>
    public string RepositoryFolder(HubId id)
    {
        ArgumentNullException.ThrowIfNull(id);
        return Path.Combine(Root, $"models--{id.Organisation}--{id.Name}");
    }

    /// <summary>The place of a model that is named by its path or by its repository.</summary>
    /// <exception cref="AudioTokenException">It is a repository, and <see cref="Resolve"/> refuses it (4720).</exception>
    public string Locate(string named) => HubId.Named(named) is { } id ? Resolve(id) : named;

    /// <summary>The folder of a snapshot, every file of it checked to be there.</summary>
    /// <exception cref="AudioTokenException">It is not in the cache, or the cache is broken (4720); the message says which layer.</exception>
    public string Resolve(HubId id)
    {
        string repository = RepositoryFolder(id);
        if (!Directory.Exists(repository))
            throw Broken(id, $"it is not in the cache: there is no folder '{repository}'");
        string commit = Commit(id, repository);
        string snapshot = Path.Combine(repository, "snapshots", commit);
        if (!Directory.Exists(snapshot))
            throw Broken(id, $"revision '{id.Revision}' is commit {commit}, whose snapshot is missing: there is no folder '{snapshot}'");
        CheckLinks(id, repository, snapshot);
        return snapshot;
    }

    private static string Commit(HubId id, string repository)
    {
        string reference = Path.Combine(repository, "refs", id.Revision);
        try
        {
            if (File.Exists(reference))
            {
                string commit = File.ReadAllText(reference).Trim();
                return IsPlain(commit) ? commit : throw Broken(id, $"'{reference}' holds no commit");
            }

            // A commit may be named itself.
            if (IsPlain(id.Revision) && Directory.Exists(Path.Combine(repository, "snapshots", id.Revision)))
                return id.Revision;
            string[] known = Directory.Exists(Path.Combine(repository, "refs")) ? [.. Directory.EnumerateFiles(Path.Combine(repository, "refs")).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)] : [];
            throw Broken(id, $"the cache has no revision '{id.Revision}' of it, {(known.Length == 0 ? "and no other" : "but " + string.Join(", ", known))}");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Broken(id, $"'{reference}' cannot be read: {exception.Message}");
        }
    }

    // Commits are hexadecimal; what matters is that a name from a file does not lead elsewhere.
    private static bool IsPlain(string commit) => commit.Length is > 0 and <= 64 && commit.All(char.IsAsciiLetterOrDigit);

    private static void CheckLinks(HubId id, string repository, string snapshot)
    {
        string inside = Real(repository) + Path.DirectorySeparatorChar;
        int files = 0;
        try
        {
            foreach (FileInfo file in new DirectoryInfo(snapshot).EnumerateFiles("*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0, MaxRecursionDepth = 8 }))
            {
                if (++files > MaxFiles)
                    throw Broken(id, $"the snapshot has more than {MaxFiles} files");
                if (file.LinkTarget is not { } target)
                    continue;
                string? real = file.ResolveLinkTarget(returnFinalTarget: true)?.FullName;
                if (real is null || !File.Exists(real))
                    throw Broken(id, $"'{Path.GetRelativePath(snapshot, file.FullName)}' is a link to '{target}', which does not exist: its download was removed or never finished");
                if (!Real(real).StartsWith(inside, StringComparison.Ordinal))
                    throw Broken(id, $"'{Path.GetRelativePath(snapshot, file.FullName)}' is a link to '{real}', outside of the repository's folder; such links are not followed");
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Broken(id, $"the snapshot cannot be read: {exception.Message}");
        }
    }

    // The folder's own path may have links in it (a cache on another disk); compared are the places behind them.
    private static string Real(string path)
    {
        string full = Path.GetFullPath(path);
        string? parent = Path.GetDirectoryName(full);
        FileSystemInfo info = Directory.Exists(full) ? new DirectoryInfo(full) : new FileInfo(full);
        string own = info.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? full;
        return own == full && parent is not null ? Path.Combine(Real(parent), Path.GetFileName(full)) : own == full ? full : Real(own);
    }

    private static AudioTokenException Broken(HubId id, string what) => new(ErrorCode.Cache, $"{id}: {what}.", $"audiotoken pull {id}, or name a folder or file");
}
