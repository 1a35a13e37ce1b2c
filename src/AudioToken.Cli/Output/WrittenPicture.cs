using System.Security.Cryptography;
using System.Text.Json;
using AudioToken.Pipelines;
using AudioToken.Pipelines.Imaging;
using AudioToken.Weights;

namespace AudioToken.Cli.Output;

/// <summary>A picture as bytes of a PNG file, and where it went.</summary>
internal sealed class WrittenPicture
{
    private readonly GeneratedImage _image;
    private readonly byte[] _png;

    /// <summary>Encodes a picture.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="texts">Its metadata; empty for none.</param>
    public WrittenPicture(GeneratedImage image, IReadOnlyList<PngText> texts)
    {
        _image = image;
        using MemoryStream stream = new();
        PngWriter.Write(stream, image.Pixels, texts);
        _png = stream.ToArray();
    }

    /// <summary>Where it lies; null if it could not be written.</summary>
    public string? Path { get; private set; }

    /// <summary>The seed that gives this very picture alone.</summary>
    public ulong Seed => _image.Seed;

    /// <summary>SHA-256 of the pixels, [H, W, 3] bytes: what repeating the work must give again.</summary>
    public string PixelHash => Convert.ToHexStringLower(SHA256.HashData(_image.Pixels.Rgb));

    /// <summary>Pixels.</summary>
    public string Size => FormattableString.Invariant($"{_image.Pixels.Width}x{_image.Pixels.Height}");

    /// <summary>Writes it to a file, whole or not at all.</summary>
    /// <exception cref="Tensors.AudioTokenException">It cannot be written; an old file is as it was.</exception>
    public void Save(string path)
    {
        AtomicFile.Write(path, stream => stream.Write(_png), _png.Length);
        Path = path;
    }

    /// <summary>Writes it to a file that is not there yet; false if there is one by now.</summary>
    /// <inheritdoc cref="Save"/>
    public bool TryCreate(string path)
    {
        if (!AtomicFile.TryCreate(path, stream => stream.Write(_png), _png.Length))
            return false;
        Path = path;
        return true;
    }

    /// <summary>Writes it to a stream.</summary>
    public void Write(Stream stream)
    {
        stream.Write(_png);
        stream.Flush();
        Path = "-";
    }

    /// <summary>An element of <c>outputs</c>.</summary>
    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("path", Path);
        json.WriteString("sha256", Convert.ToHexStringLower(SHA256.HashData(_png)));
        json.WriteString("pixels_sha256", PixelHash);
        json.WriteNumber("seed", Seed);
        json.WriteNumber("width", _image.Pixels.Width);
        json.WriteNumber("height", _image.Pixels.Height);
        json.WriteEndObject();
    }
}
