namespace AudioToken.WeightsConverter.Hub;

/// <summary>A file of a snapshot, as the hub describes it.</summary>
/// <param name="Path">Its path in the repository, with '/'.</param>
/// <param name="ETag">The content's name: SHA-256 (64 digits) of large files, git's SHA-1 (40 digits) of small ones.</param>
/// <param name="Length">Bytes; -1 if the hub does not say.</param>
public sealed record HubFile(string Path, string ETag, long Length);

/// <summary>How far a download has come.</summary>
/// <param name="File">The file at hand.</param>
/// <param name="Received">Bytes of it that are there.</param>
/// <param name="Length">Bytes of it in all; -1 if the hub does not say.</param>
/// <param name="Index">Its number, from 0.</param>
/// <param name="Files">Number of files.</param>
public readonly record struct PullProgress(string File, long Received, long Length, int Index, int Files);
