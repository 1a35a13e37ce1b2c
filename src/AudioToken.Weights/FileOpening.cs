using Microsoft.Win32.SafeHandles;

namespace AudioToken.Weights;

/// <summary>Opens a file of weights for reading at positions.</summary>
internal static class FileOpening
{
    /// <param name="path">The file.</param>
    /// <param name="description">What to call it in messages.</param>
    /// <param name="least">What an empty file is told: the least that a file of the wanted kind has.</param>
    /// <exception cref="WeightFileException">It is an unfinished download, or empty.</exception>
    /// <exception cref="AudioToken.Tensors.AudioTokenException">It cannot be opened (8101).</exception>
    public static SafeFileHandle Open(string path, string description, string least = "a safetensors file has at least 8")
    {
        if (FileKind.UnfinishedDownload(path) is { } ending)
        {
            throw new WeightFileException(ErrorCode.NotSafetensors, description,
                $"this is an unfinished download ({ending}), not a model.", "Wait until the download is done, or start it again.");
        }

        try
        {
            // A pipe has no length either, and opening one waits for its writer: it is never opened.
            if (new FileInfo(File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path) is { Exists: true, Length: 0 })
                throw new WeightFileException(ErrorCode.NotSafetensors, description, $"the file is 0 bytes, {least}.", "An interrupted download? Download it again.");
            return File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.RandomAccess);
        }
        catch (Exception exception) when (FileErrors.IsFileError(exception))
        {
            throw FileErrors.CannotRead(path, exception);
        }
    }
}
