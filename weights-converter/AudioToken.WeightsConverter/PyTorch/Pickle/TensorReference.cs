namespace AudioToken.WeightsConverter.PyTorch.Pickle;

/// <summary>A tensor: a strided view of a storage, in elements of its own type.</summary>
internal sealed record TensorReference(StorageReference Storage, ElementType Type, long Offset, long[] Extents, long[] Strides);
