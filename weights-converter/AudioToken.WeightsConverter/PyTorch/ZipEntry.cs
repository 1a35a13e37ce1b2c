namespace AudioToken.WeightsConverter.PyTorch;

/// <summary>One entry of a ZIP archive.</summary>
/// <param name="Name">Its name; never used as a path.</param>
/// <param name="HeaderStart">Place of its local header.</param>
/// <param name="Packed">Bytes of its data in the file.</param>
/// <param name="Length">Bytes of its data.</param>
/// <param name="Method">How it is compressed; 0 for not at all.</param>
/// <param name="Encrypted">True if it wants a password.</param>
internal sealed record ZipEntry(string Name, long HeaderStart, long Packed, long Length, int Method, bool Encrypted)
{
    /// <summary>Place of its data in the file, once <see cref="ZipDirectory.RequireStored"/> has found it.</summary>
    public long DataStart { get; set; }
}
