using AudioToken.Tensors;

namespace AudioToken.Models.Clip;

/// <summary>The files of a tokenizer by name, wherever they lie: in a folder, or inside a model bundle.</summary>
/// <param name="description">What the files belong to, as errors name it (e.g. the folder's name).</param>
/// <param name="find">Gives a file's bytes, or null where there is no such file.</param>
public sealed class TokenizerFiles(string description, Func<string, byte[]?> find)
{
    // CLIP's own largest file has 1 MB; what is bigger by a factor of sixteen is something else.
    private const long MaxBytes = 16L << 20;

    /// <summary>What the files belong to.</summary>
    public string Description { get; } = description;

    /// <summary>The files of a folder, read when asked for.</summary>
    public static TokenizerFiles FromFolder(string folder) => new(Path.GetFileName(Path.TrimEndingDirectorySeparator(folder)), name =>
    {
        FileInfo file = new(Path.Combine(folder, name));
        if (!file.Exists)
            return null;
        CheckLength(name, file.Length);
        return File.ReadAllBytes(file.FullName);
    });

    /// <summary>A file's bytes, or null where there is no such file.</summary>
    /// <exception cref="AudioTokenException">4301: the file is too large to be a tokenizer's.</exception>
    public byte[]? Find(string name)
    {
        byte[]? bytes = find(name);
        CheckLength(name, bytes?.Length ?? 0);
        return bytes;
    }

    private static void CheckLength(string name, long length)
    {
        if (length > MaxBytes)
            throw new AudioTokenException(4301, $"{name} has {length:N0} bytes; a tokenizer's file has at most {MaxBytes:N0}.");
    }
}
