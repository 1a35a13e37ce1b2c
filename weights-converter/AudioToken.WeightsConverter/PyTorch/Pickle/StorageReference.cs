namespace AudioToken.WeightsConverter.PyTorch.Pickle;

/// <summary>A storage: a row of elements that tensors are views of.</summary>
/// <param name="Key">Its key in the file.</param>
/// <param name="Type">Its element type; bytes for an untyped one.</param>
/// <param name="Count">Its elements.</param>
/// <param name="Start">First element of the view that the legacy form can take of it.</param>
/// <param name="Length">Elements of that view; all of <paramref name="Count"/> otherwise.</param>
internal sealed record StorageReference(string Key, ElementType Type, long Count, long Start, long Length);
