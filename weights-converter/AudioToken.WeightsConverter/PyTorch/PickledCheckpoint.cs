namespace AudioToken.WeightsConverter.PyTorch;

/// <summary>What a container says of a checkpoint: the value that was pickled, and where each storage lies.</summary>
/// <param name="Root">The value.</param>
/// <param name="Storages">Place and bytes of each storage in the file, by key.</param>
internal sealed record PickledCheckpoint(object? Root, IReadOnlyDictionary<string, StorageExtent> Storages);

/// <summary>Where a storage lies in the file.</summary>
/// <param name="Start">Its first byte.</param>
/// <param name="Length">Its bytes.</param>
/// <param name="Name">What to call it in messages.</param>
internal readonly record struct StorageExtent(long Start, long Length, string Name);
