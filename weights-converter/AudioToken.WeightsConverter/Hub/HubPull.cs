using System.Security.Cryptography;
using System.Text;
using AudioToken.Tensors;

namespace AudioToken.WeightsConverter.Hub;

/// <summary>Downloads a snapshot into the cache, so that every program that reads the cache finds it.</summary>
/// <remarks>A blob is written as <c>ETAG.incomplete</c>, checked against its hash, and renamed; a cut download goes on where it stopped. A lock
/// a blob keeps two programs from writing one file. The revision is noted last, so a snapshot that is named is whole.</remarks>
public sealed class HubPull
{
    private readonly HubCache _cache;
    private readonly HubClient _client;

    /// <summary>Downloads by a client into a cache; both stay the caller's.</summary>
    public HubPull(HubCache cache, HubClient client) => (_cache, _client) = (cache, client);

    /// <summary>Downloads what the conversion of the model reads.</summary>
    /// <param name="id">The repository and revision.</param>
    /// <param name="variant">Variant of the weights to prefer, or null.</param>
    /// <param name="everything">True: every file.</param>
    /// <param name="progress">Told of each piece that arrives.</param>
    /// <param name="cancellation">Ends the download; what has arrived is kept.</param>
    /// <returns>The snapshot's folder, and how many files it has.</returns>
    /// <exception cref="AudioTokenException">The hub refuses (87xx), what arrives is not what was promised (4721), or the cache cannot be written.</exception>
    public async Task<(string Folder, int Files)> RunAsync(HubId id, string? variant, bool everything, IProgress<PullProgress>? progress, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(id);
        (string commit, IReadOnlyList<string> paths) = await _client.ListAsync(id, cancellation).ConfigureAwait(false);
        IReadOnlyList<string> wanted = everything ? paths : HubSelection.Of(paths, variant);
        string repository = _cache.RepositoryFolder(id), snapshot = Path.Combine(repository, "snapshots", commit);
        try
        {
            Directory.CreateDirectory(Path.Combine(repository, "blobs"));
            Directory.CreateDirectory(snapshot);
            for (int i = 0; i < wanted.Count; i++)
            {
                HubFile file = await _client.DescribeAsync(id, commit, wanted[i], cancellation).ConfigureAwait(false);
                int index = i;
                await BlobAsync(id, commit, file, repository, received => progress?.Report(new PullProgress(file.Path, received, file.Length, index, wanted.Count)), cancellation).ConfigureAwait(false);
                Link(repository, snapshot, file);
            }

            string reference = Path.Combine(repository, "refs", id.Revision);
            if (id.Revision != commit)
            {
                Directory.CreateDirectory(Path.GetDirectoryName(reference)!);
                string temporary = $"{reference}.{Path.GetRandomFileName()}";
                await File.WriteAllTextAsync(temporary, commit, cancellation).ConfigureAwait(false);
                File.Move(temporary, reference, overwrite: true);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new AudioTokenException(8102, $"Cannot write to the cache '{_cache.Root}': {exception.Message.TrimEnd('.')}.", "HF_HUB_CACHE names another place; what has arrived is kept", exception);
        }

        return (snapshot, wanted.Count);
    }

    private async Task BlobAsync(HubId id, string commit, HubFile file, string repository, Action<long> received, CancellationToken cancellation)
    {
        string blob = Path.Combine(repository, "blobs", file.ETag);
        if (File.Exists(blob))
            return;
        using FileStream claim = await LockAsync(id, file, cancellation).ConfigureAwait(false);
        if (File.Exists(blob))
            return; // another program was faster
        string incomplete = blob + ".incomplete";
        using (FileStream target = new(incomplete, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None))
        {
            if (file.Length < 0 || target.Length != file.Length)
            {
                if (file.Length >= 0 && target.Length > file.Length)
                    target.SetLength(0);
                await _client.FetchAsync(id, commit, file, target, received, cancellation).ConfigureAwait(false);
            }

            if (file.Length >= 0 && target.Length < file.Length)
                throw new AudioTokenException(ErrorCode.Connection, $"{id}: {file.Path} ended after {target.Length:N0} of {file.Length:N0} bytes", "run the same command again: it goes on from there");
            target.Position = 0;
            string hash = await HashAsync(target, file.ETag.Length, cancellation).ConfigureAwait(false);
            if (hash != file.ETag)
            {
                target.SetLength(0); // going on from wrong bytes would never end
                throw new AudioTokenException(ErrorCode.Content, $"{id}: {file.Path} arrived with the hash {hash}, the hub promised {file.ETag}", "run the same command again: it is fetched anew");
            }

            target.Flush(flushToDisk: true);
        }

        File.Move(incomplete, blob, overwrite: true);
    }

    // SHA-256 of large files; git's hash of small ones, which puts a header before the content. Other lengths are not hashes that can be checked.
    private static async Task<string> HashAsync(FileStream content, int digits, CancellationToken cancellation)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(digits == 64 ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA1);
        if (digits != 64)
            hash.AppendData(Encoding.ASCII.GetBytes($"blob {content.Length}\0"));
        byte[] buffer = new byte[1 << 20];
        for (int read; (read = await content.ReadAsync(buffer, cancellation).ConfigureAwait(false)) > 0;)
            hash.AppendData(buffer, 0, read);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private async Task<FileStream> LockAsync(HubId id, HubFile file, CancellationToken cancellation)
    {
        string folder = Path.Combine(_cache.Root, ".locks", $"models--{id.Organisation}--{id.Name}");
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, file.ETag + ".lock");
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException exception) when (exception is not (DirectoryNotFoundException or PathTooLongException))
            {
                // Another program fetches this very file: its end is worth waiting for.
                await Task.Delay(200, cancellation).ConfigureAwait(false);
            }
        }
    }

    private static void Link(string repository, string snapshot, HubFile file)
    {
        string path = Path.Combine(snapshot, Path.Combine(file.Path.Split('/')));
        string folder = Path.GetDirectoryName(path)!;
        Directory.CreateDirectory(folder);
        string target = Path.GetRelativePath(folder, Path.Combine(repository, "blobs", file.ETag));
        if (new FileInfo(path).LinkTarget == target)
            return;
        File.Delete(path);
        try
        {
            File.CreateSymbolicLink(path, target);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException && OperatingSystem.IsWindows())
        {
            File.Copy(Path.Combine(repository, "blobs", file.ETag), path); // links need a right there that few accounts have
        }
    }
}
