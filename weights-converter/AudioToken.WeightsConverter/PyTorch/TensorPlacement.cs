using AudioToken.Weights;
using AudioToken.WeightsConverter.PyTorch.Pickle;

namespace AudioToken.WeightsConverter.PyTorch;

/// <summary>Holds what a pickle says of a tensor against the storage that is there.</summary>
internal static class TensorPlacement
{
    /// <exception cref="WeightFileException">The storage is absent or of another size, or the tensor reaches out of it.</exception>
    public static PyTorchTensor Of(string file, string name, TensorReference tensor, IReadOnlyDictionary<string, StorageExtent> storages)
    {
        StorageReference storage = tensor.Storage;
        if (!storages.TryGetValue(storage.Key, out StorageExtent extent))
            throw Lie($"lies in storage {WeightFileException.Quote(storage.Key)}, which the file does not have");
        Int128 declared = (Int128)storage.Count * storage.Type.Size;
        if (declared != extent.Length)
            throw Lie(FormattableString.Invariant($"lies in a storage of {storage.Count:N0} {storage.Type.Name}, {declared:N0} bytes; {extent.Name} has {extent.Length:N0}"));

        // Of an untyped storage a tensor's own type counts the elements.
        int size = tensor.Type.Size;
        long available = storage.Length * storage.Type.Size / size;
        if (tensor.Extents.Length != tensor.Strides.Length)
            throw Lie($"has {tensor.Extents.Length} extents and {tensor.Strides.Length} strides");
        if (tensor.Offset < 0 || tensor.Extents.Any(each => each < 0) || tensor.Strides.Any(each => each < 0))
            throw Lie($"has a negative extent, stride or offset ({Numbers()})");
        Int128 count = 1, last = tensor.Offset;
        for (int axis = 0; axis < tensor.Extents.Length; axis++)
        {
            count *= tensor.Extents[axis];
            last += (Int128)Math.Max(0, tensor.Extents[axis] - 1) * tensor.Strides[axis];
            if (count > long.MaxValue || last > long.MaxValue)
                throw Lie($"is too large to count ({Numbers()})");
        }

        if (count > 0 && last >= available)
            throw Lie(FormattableString.Invariant($"reaches to element {last:N0} of a storage that has {available:N0} ({Numbers()})"));
        if (count > available)
            throw Lie(FormattableString.Invariant($"has {count:N0} elements, its storage {available:N0} ({Numbers()})"));
        long start = extent.Start + storage.Start * storage.Type.Size + (count > 0 ? tensor.Offset * size : 0);
        return new PyTorchTensor(name, tensor.Type.Name, tensor.Type.DType, tensor.Extents, tensor.Strides, storage.Key, start, (long)count);

        string Numbers() => FormattableString.Invariant($"shape [{string.Join(", ", tensor.Extents)}], strides [{string.Join(", ", tensor.Strides)}], offset {tensor.Offset}");

        WeightFileException Lie(string what) => new(ErrorCode.Layout, file, $"tensor {WeightFileException.Quote(name)} {what}.", "Damaged, or written by faulty software.");
    }
}
