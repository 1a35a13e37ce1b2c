using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace AudioToken.Training.Runs;

/// <summary>Curves for TensorBoard: an events file a sitting, <c>events.out.tfevents.N</c>, of TFRecords that hold Event messages.</summary>
/// <remarks>A record is its length, the masked CRC-32C of that, the message, and the masked CRC-32C of the message. Where a run went on from an
/// earlier update, TensorBoard itself drops what the later file repeats.</remarks>
internal sealed class TensorBoardLog
{
    private readonly string _path;
    private readonly List<byte> _held = [];

    /// <summary>Begins a file beside those of earlier sittings.</summary>
    public TensorBoardLog(string folder)
    {
        int number = Directory.EnumerateFiles(folder, "events.out.tfevents.*").Count();
        _path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"events.out.tfevents.{number:D4}"));
        Append(Message(step: 0, Field(3, "brain.Event:2"u8)));
    }

    /// <summary>Notes an update.</summary>
    public void Write(RunProgress progress)
    {
        foreach ((string tag, double value) in ((string, double)[])
            [("loss", progress.Loss), ("average_loss", progress.AverageLoss), ("learning_rate", progress.LearningRate), ("gradient_norm", progress.GradientNorm)])
        {
            byte[] scalar = new byte[5];
            scalar[0] = (2 << 3) | 5; // simple_value, 32 bits
            BinaryPrimitives.WriteSingleLittleEndian(scalar.AsSpan(1), (float)value);
            byte[] one = [.. Field(1, Encoding.UTF8.GetBytes(tag)), .. scalar];
            Append(Message(progress.Update, Field(5, Field(1, one)))); // summary { value { tag, simple_value } }
        }
    }

    /// <summary>Writes what is held.</summary>
    public void Flush()
    {
        using FileStream file = new(_path, FileMode.Append);
        file.Write([.. _held]);
        _held.Clear();
    }

    private void Append(byte[] message)
    {
        Span<byte> length = stackalloc byte[8], check = stackalloc byte[4];
        BinaryPrimitives.WriteInt64LittleEndian(length, message.Length);
        _held.AddRange(length);
        BinaryPrimitives.WriteUInt32LittleEndian(check, MaskedCrc(length));
        _held.AddRange(check);
        _held.AddRange(message);
        BinaryPrimitives.WriteUInt32LittleEndian(check, MaskedCrc(message));
        _held.AddRange(check);
    }

    // wall_time, step, then the rest.
    private static byte[] Message(long step, byte[] rest)
    {
        byte[] time = new byte[9];
        time[0] = (1 << 3) | 1;
        BinaryPrimitives.WriteDoubleLittleEndian(time.AsSpan(1), (DateTime.UtcNow - DateTime.UnixEpoch).TotalSeconds);
        return [.. time, 2 << 3, .. VarInt((ulong)step), .. rest];
    }

    private static byte[] Field(int number, ReadOnlySpan<byte> content) => [(byte)((number << 3) | 2), .. VarInt((ulong)content.Length), .. content];

    private static byte[] VarInt(ulong value)
    {
        List<byte> bytes = [];
        for (; value >= 0x80; value >>= 7)
            bytes.Add((byte)(value | 0x80));
        return [.. bytes, (byte)value];
    }

    // Castagnoli's polynomial; rotated and shifted, so that a checksum of checksums is none.
    internal static uint MaskedCrc(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
            crc = BitOperations.Crc32C(crc, value);
        crc = ~crc;
        return BitOperations.RotateRight(crc, 15) + 0xa282ead8;
    }
}
