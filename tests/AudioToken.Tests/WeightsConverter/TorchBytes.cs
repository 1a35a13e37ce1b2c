using AudioToken.Testing.Torch;

namespace AudioToken.Tests.WeightsConverter;

/// <summary>PyTorch files around a pickle put together by hand.</summary>
internal static class TorchBytes
{
    /// <summary>The ZIP form: the pickle, and storages by key.</summary>
    public static byte[] Zip(byte[] pickle, params ReadOnlySpan<(string Key, byte[] Data)> storages)
    {
        using MemoryStream stream = new();
        ZipBytes zip = new(stream);
        zip.Add("archive/data.pkl", pickle);
        foreach ((string key, byte[] data) in storages)
            zip.Add($"archive/data/{key}", data);
        zip.Finish();
        return stream.ToArray();
    }

    /// <summary>The legacy form: the pickle, no storages.</summary>
    public static byte[] Legacy(byte[] pickle)
    {
        using MemoryStream stream = new();
        TorchSave.WriteLegacyHead(stream);
        stream.Write(pickle);
        stream.Write(PickleBytes.Protocol().Op(']').Stop());
        return stream.ToArray();
    }

    /// <summary>The ZIP form, its archive filled by the caller.</summary>
    public static byte[] Archive(Action<ZipBytes> fill, Func<Stream, ZipBytes>? open = null)
    {
        using MemoryStream stream = new();
        ZipBytes zip = open is null ? new ZipBytes(stream) : open(stream);
        fill(zip);
        zip.Finish();
        return stream.ToArray();
    }

    /// <summary>A pickle of one tensor of one byte, called w, in storage 0.</summary>
    public static byte[] OneByte { get; } = PickleBytes.Protocol().Op('}').Text("w").Tensor("ByteStorage", "0", 1, 0, [1], [1]).Op('s').Stop();
}
