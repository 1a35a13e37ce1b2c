using System.Security.Cryptography;
using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>A file that a model is read from.</summary>
/// <param name="Name">What to call it: its base name, within its component's folder if it has one. Never a full path.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Sha256">SHA-256 of the content, lower-case hexadecimal.</param>
public sealed record ModelSource(string Name, long Length, string Sha256)
{
    /// <summary>Reads a file once, from end to end.</summary>
    /// <exception cref="AudioTokenException">It cannot be read (8101).</exception>
    public static ModelSource Read(string path, string name)
    {
        try
        {
            using FileStream stream = new(path, new FileStreamOptions { Options = FileOptions.SequentialScan, BufferSize = 1 << 16, Share = FileShare.ReadWrite | FileShare.Delete });
            long length = stream.Length;
            return new ModelSource(name, length, Convert.ToHexStringLower(SHA256.HashData(stream)));
        }
        catch (Exception exception) when (FileErrors.IsFileError(exception))
        {
            throw FileErrors.CannotRead(path, exception);
        }
    }
}
