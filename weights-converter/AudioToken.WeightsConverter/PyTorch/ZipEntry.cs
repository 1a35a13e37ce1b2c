namespace AudioToken.WeightsConverter.PyTorch;

/// <summary>One entry of a ZIP archive, stored without compression.</summary>
/// <param name="Name">Its name; never used as a path.</param>
/// <param name="HeaderStart">Place of its local header.</param>
/// <param name="Length">Bytes of its data.</param>
/// <param name="Crc32">Checksum of its data, as the directory gives it.</param>
internal sealed record ZipEntry(string Name, long HeaderStart, long Length, uint Crc32)
{
    /// <summary>Place of its data in the file.</summary>
    public long DataStart { get; set; }
}
