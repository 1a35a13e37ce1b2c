using AudioToken.Tensors;
using AudioToken.Weights;
using AudioToken.WeightsConverter;

namespace AudioToken.Cli.Inspection;

/// <summary>Finds out what a file is, by its content.</summary>
internal static class InspectedFile
{
    private static readonly (byte[] Magic, string What, string Hint)[] s_others =
    [
        ("RIFF"u8.ToArray(), "a sound or video (RIFF)", "audiotoken generate FILE draws a sound"),
        ("fLaC"u8.ToArray(), "a sound (FLAC)", "audiotoken generate FILE draws a sound"),
        ("OggS"u8.ToArray(), "a sound (Ogg)", "audiotoken generate FILE draws a sound"),
        ("ID3"u8.ToArray(), "a sound (MP3)", "audiotoken generate FILE draws a sound"),
        ([0xFF, 0xD8, 0xFF], "a JPEG picture", "pictures made here are PNG"),
    ];

    /// <exception cref="AudioTokenException">It cannot be read, or it is nothing that is known here; the message says what it is.</exception>
    public static IInspection Open(string path, bool listTensors, bool verify)
    {
        if (Directory.Exists(path))
            return new ModelInspection(ModelFiles.Open(path, new ModelFilesOptions { Reader = new AnyFormat() }), listTensors, verify);
        byte[] head = Head(path);
        if (head.AsSpan().StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'P', (byte)'N', (byte)'G']))
            return new PictureInspection(path);
        foreach ((byte[] magic, string what, string hint) in s_others)
        {
            if (head.AsSpan().StartsWith(magic))
                throw new AudioTokenException(ErrorCode.NotInspectable, $"{Path.GetFileName(path)} is {what}; models, checkpoints and PNGs can be inspected", hint);
        }

        // Says by itself what the file is if it is no checkpoint: an error page, an unfinished download.
        TensorCollection file = CheckpointFile.Open(path);
        if (file.Metadata.GetValueOrDefault(BundleFormat.FormatKey) != BundleFormat.Format)
            return TensorsInspection.Of(file, listTensors, verify);
        file.Dispose();
        return new ModelInspection(ModelFiles.Open(path), listTensors, verify);
    }

    private static byte[] Head(string path)
    {
        try
        {
            if (RegularFile.Length(path) is null)
                return [];
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            byte[] head = new byte[16];
            return head[..stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return []; // the reader says why
        }
    }
}
